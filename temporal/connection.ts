/** Connections to Temporal from the settings: plain, TLS, mutual TLS or API key; the same for workers and clients. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import type { Settings } from '../settings';
import { resolveSecret } from '../settings';
import { RepetitionsUntilClosed } from './closing';
import { ConnectionTrouble, findTlsTrouble, type TlsFiles } from './connection-trouble';

interface Target {
  readonly address: string;
  readonly tls?: NonNullable<ConnectionOptions['tls']>;
  readonly apiKey?: string;
}

/** @param address used when the settings name none: the embedded server's. */
function addressOf(settings: Settings, address: string | null): string {
  const where = settings.temporal.address ?? address;
  if (where !== null) return where;
  throw new Error(
    'no Temporal server: set temporal.address (or TEMPORAL_ADDRESS), or start an embedded one with: sluice up',
  );
}

async function target(settings: Settings, address: string, files: TlsFiles): Promise<Target> {
  const { tls, apiKey } = settings.temporal;
  const { ca, cert, key } = files;
  return {
    address,
    ...(tls.enabled
      ? {
          tls: {
            ...(tls.serverName === null ? {} : { serverNameOverride: tls.serverName }),
            ...(ca === null ? {} : { serverRootCACertificate: ca }),
            ...(cert === null || key === null ? {} : { clientCertPair: { crt: cert, key } }),
          },
        }
      : {}),
    ...(apiKey === null ? {} : { apiKey: await readApiKey(apiKey) }),
  };
}

async function readApiKey(reference: NonNullable<Settings['temporal']['apiKey']>): Promise<string> {
  try {
    return (await resolveSecret(reference)).reveal();
  } catch (error) {
    throw new ConnectionTrouble(`temporal.apiKey: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What `temporal.tls` names, read and checked. @throws ConnectionTrouble that names the setting. */
async function readTlsFiles({ tls }: Settings['temporal']): Promise<TlsFiles> {
  const files = {
    ca: await readPem('caFile', tls.caFile),
    cert: await readPem('certFile', tls.certFile),
    key: await readPem('keyFile', tls.keyFile),
  };
  for (const [name, pem] of [
    ['caFile', files.ca],
    ['certFile', files.cert],
  ] as const) {
    if (pem === null) continue;
    tried(`temporal.tls.${name}: ${tls[name]} holds no certificate in PEM`, () => new X509Certificate(pem));
  }
  const { cert, key } = files;
  if (cert !== null && key !== null) {
    tried(
      `temporal.tls.keyFile: ${tls.keyFile} is no unencrypted private key in PEM, or not the one of temporal.tls.certFile`,
      () => createSecureContext({ cert, key }),
    );
  }
  return files;
}

async function readPem(name: 'caFile' | 'certFile' | 'keyFile', path: string | null): Promise<Buffer | null> {
  if (path === null) return null;
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`;
    throw new ConnectionTrouble(`temporal.tls.${name}: ${path}: ${what}`);
  }
}

function tried(problem: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    throw new ConnectionTrouble(`${problem} (${error instanceof Error ? error.message : String(error)})`);
  }
}

export interface ConnectedClient {
  readonly client: Client;
  close(): Promise<void>;
}

/** Most servers answer within this; a longer silence is investigated before more time is given. */
const SILENCE_MS = 600;

/**
 * @throws ConnectionTrouble that names the setting when TLS, a certificate or the API key is what is wrong; otherwise
 * what the SDK throws when the server cannot be reached within `timeoutMs`.
 */
export async function connectClient(
  settings: Settings,
  embeddedAddress: string | null,
  dataConverter?: DataConverter,
  timeoutMs = 10_000,
): Promise<ConnectedClient> {
  const { temporal } = settings;
  const address = addressOf(settings, embeddedAddress);
  const files = await readTlsFiles(temporal);
  const to = await target(settings, address, files);
  // Two tries, and not an investigation beside one: the SDK's wait cannot be called off, and would keep a command from ending.
  const began = performance.now();
  const { connection, close } = await connect(temporal, to, Math.min(SILENCE_MS, timeoutMs)).catch(
    async (error: unknown) => {
      if (error instanceof ConnectionTrouble) throw error;
      const trouble = await findTlsTrouble(temporal, address, files);
      if (trouble !== null) throw new ConnectionTrouble(trouble);
      const leftMs = timeoutMs - (performance.now() - began);
      if (leftMs <= 0) throw error;
      return connect(temporal, to, leftMs);
    },
  );
  const client = new Client({
    connection,
    namespace: temporal.namespace,
    ...(dataConverter ? { dataConverter } : {}),
  });
  return { client, close };
}

interface Connected {
  readonly connection: Connection;
  close(): Promise<void>;
}

async function connect(temporal: Settings['temporal'], to: Target, timeoutMs: number): Promise<Connected> {
  const repetitions = new RepetitionsUntilClosed();
  const connection = Connection.lazy({
    ...to,
    connectTimeout: timeoutMs,
    interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), repetitions.interceptor],
  });
  const close = () => {
    repetitions.close();
    return connection.close();
  };
  try {
    await connection.ensureConnected();
    return { connection, close };
  } catch (error) {
    await close();
    throw apiKeyTrouble(temporal, error) ?? error;
  }
}

/** gRPC's UNAUTHENTICATED and PERMISSION_DENIED. */
const REFUSED = new Set([16, 7]);

function apiKeyTrouble({ apiKey }: Settings['temporal'], error: unknown): ConnectionTrouble | null {
  const { cause } = error as { readonly cause?: { readonly code?: number; readonly details?: string } };
  if (cause?.code === undefined || !REFUSED.has(cause.code)) return null;
  const { details } = cause;
  const answer = details ? ` (${details})` : '';
  return new ConnectionTrouble(
    apiKey === null
      ? `the server wants to know who we are${answer}; set temporal.apiKey (TEMPORAL_API_KEY) or a client certificate`
      : `the server refuses the key that temporal.apiKey names, ${apiKey}${answer}`,
  );
}

export async function connectWorker(
  settings: Settings,
  embeddedAddress: string | null,
): Promise<NativeConnection> {
  const files = await readTlsFiles(settings.temporal);
  return NativeConnection.connect(await target(settings, addressOf(settings, embeddedAddress), files));
}
