/** Connections to Temporal from the settings: plain, TLS, mutual TLS or API key; the same for workers and clients. */
import { readFile } from 'node:fs/promises';
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import type { Settings } from '../settings';
import { resolveSecret } from '../settings';

interface Target {
  readonly address: string;
  readonly tls?: NonNullable<ConnectionOptions['tls']>;
  readonly apiKey?: string;
}

/** @param address used when the settings name none: the embedded server's. */
async function target(settings: Settings, address: string | null): Promise<Target> {
  const where = settings.temporal.address ?? address;
  if (where === null) {
    throw new Error(
      'no Temporal server: set temporal.address (or TEMPORAL_ADDRESS), or start an embedded one with: sluice up',
    );
  }
  const { tls, apiKey } = settings.temporal;
  return {
    address: where,
    ...(tls.enabled
      ? {
          tls: {
            ...(tls.serverName === null ? {} : { serverNameOverride: tls.serverName }),
            ...(tls.caFile === null ? {} : { serverRootCACertificate: await readFile(tls.caFile) }),
            ...(tls.certFile === null || tls.keyFile === null
              ? {}
              : { clientCertPair: { crt: await readFile(tls.certFile), key: await readFile(tls.keyFile) } }),
          },
        }
      : {}),
    ...(apiKey === null ? {} : { apiKey: (await resolveSecret(apiKey)).reveal() }),
  };
}

export interface ConnectedClient {
  readonly client: Client;
  close(): Promise<void>;
}

/** @throws with the address in the message when the server cannot be reached within `timeoutMs`. */
export async function connectClient(
  settings: Settings,
  embeddedAddress: string | null,
  dataConverter?: DataConverter,
  timeoutMs = 10_000,
): Promise<ConnectedClient> {
  const to = await target(settings, embeddedAddress);
  const connection = await Connection.connect({ ...to, connectTimeout: timeoutMs });
  const client = new Client({
    connection,
    namespace: settings.temporal.namespace,
    ...(dataConverter ? { dataConverter } : {}),
  });
  return { client, close: () => connection.close() };
}

export async function connectWorker(
  settings: Settings,
  embeddedAddress: string | null,
): Promise<NativeConnection> {
  return NativeConnection.connect(await target(settings, embeddedAddress));
}
