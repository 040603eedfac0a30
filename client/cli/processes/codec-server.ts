/**
 * `sluice codec-server`: a codec server in the foreground, with which Temporal's Web UI and command line can decrypt
 * payloads.
 */
import type { Command } from 'commander';
import { resolveSecret, type Secret } from '../../../settings';
import { SECRET_REF_PATTERN, type SecretRef } from '../../../vendors/account-fields';
import { loadVaultKeys } from '../../operations/backend/context';
import { ClientError, messageOf, UsageError } from '../../operations/errors';
import {
  CODEC_PORT,
  isLoopback,
  parseOrigin,
  parsePort,
  uiOrigins,
} from '../../operations/processes/codec-server';
import { contextOf } from '../command';
import { untilInterrupted } from '../interrupt';
import { note, print } from '../output';

interface CodecServerOptions {
  readonly host: string;
  readonly port: string;
  readonly allowOrigin?: readonly string[];
  readonly token?: string;
}

const HELP = `
In the Web UI: "Configure Codec Server" at the top, the endpoint of this browser. On the command line:
  temporal workflow show -w ID --codec-endpoint http://127.0.0.1:${CODEC_PORT}
Whoever reaches it can read every payload: it listens on this machine only, and anywhere else only with a token
(temporal: --codec-auth "Bearer …").`;

export function addCodecServer(program: Command): void {
  program
    .command('codec-server')
    .description("let Temporal's Web UI and command line read encrypted payloads")
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <port>', '0 for any', String(CODEC_PORT))
    .option(
      '--allow-origin <origin>',
      "the Web UI's address, may be repeated (default: that of this folder, or port 8233 here)",
      (origin: string, all: readonly string[] | undefined) => [...(all ?? []), parseOrigin(origin)],
    )
    .option(
      '--token <reference>',
      'what callers must show: env:NAME or file:/path (default: env SLUICE_CODEC_TOKEN)',
    )
    .addHelpText('after', HELP)
    .action(runCodecServer);
}

async function runCodecServer(options: CodecServerOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const { host } = options;
  const port = parsePort(options.port);
  const token = await readToken(options.token);
  if (token === null && !isLoopback(host)) {
    throw new UsageError(
      `--host: ${host} lets others read every payload; give a --token as well, or listen on 127.0.0.1`,
    );
  }
  const keys = await loadVaultKeys(context);
  const { encryptPayloads } = context.settings.temporal;
  const { EncryptionCodec } = await import('../../../temporal/codec.js');
  const { startCodecServer } = await import('../../../temporal/codec-server.js');
  const allowOrigins = options.allowOrigin ?? uiOrigins(context);
  const codec = new EncryptionCodec(keys, encryptPayloads);
  const server = await startCodecServer({ codec, host, port, allowOrigins, token }).catch(
    (error: unknown) => {
      throw new ClientError(
        `cannot listen on ${host}:${port}: ${messageOf(error)}; choose another with --port`,
      );
    },
  );
  print(
    `Codec server at ${server.url}, for pages of ${allowOrigins.join(', ')}${token === null ? '' : ', with a token'}`,
  );
  if (!encryptPayloads)
    note('temporal.encryptPayloads is off: it decodes what was encrypted before, and encrypts nothing.');
  const interrupt = untilInterrupted();
  await interrupt.promise;
  interrupt.done();
  await server.close();
}

async function readToken(given: string | undefined): Promise<Secret | null> {
  const reference = given ?? (process.env.SLUICE_CODEC_TOKEN ? 'env:SLUICE_CODEC_TOKEN' : null);
  if (reference === null) return null;
  if (!SECRET_REF_PATTERN.test(reference) || reference.startsWith('vault:')) {
    throw new UsageError(
      '--token: must be a reference, env:NAME or file:/path; the token itself must not stand here',
    );
  }
  return resolveSecret(reference as SecretRef, { warn: note });
}
