/**
 * What stands before a Temporal in earnest: TLS, client certificates and API keys, in front of the run's dev server. It
 * speaks HTTP/2 on both sides, so that calls and streams pass as they are. Certificates are made when they are needed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import {
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';

const DAY_MS = 86_400_000;

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Text of both, in files of `folder`. */
export function writePair(folder: string, name: string, { cert, key }: Pair) {
  mkdirSync(folder, { recursive: true });
  const files = { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key, { mode: 0o600 });
  return files;
}

export interface CertificateOptions {
  /** Default: from yesterday until tomorrow. */
  readonly from?: number;
  readonly to?: number;
  readonly host?: string;
}

export class Authority {
  private constructor(private readonly own: Pair) {}

  static async make(name: string): Promise<Authority> {
    return new Authority(
      await certificate(name, {}, undefined, [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ]),
    );
  }

  get cert(): string {
    return this.own.cert;
  }

  /** For this machine's address, or for `host` only. */
  sign(name: string, options: CertificateOptions = {}): Promise<Pair> {
    const altNames = options.host
      ? [{ type: 2 as const, value: options.host }]
      : [
          { type: 2 as const, value: 'localhost' },
          { type: 7 as const, ip: '127.0.0.1' },
        ];
    return certificate(name, options, this.own, [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames },
    ]);
  }
}

type Extensions = NonNullable<NonNullable<Parameters<typeof generate>[1]>['extensions']>;

async function certificate(
  name: string,
  { from = Date.now() - DAY_MS, to = Date.now() + DAY_MS }: CertificateOptions,
  ca: Pair | undefined,
  extensions: Extensions,
): Promise<Pair> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(from),
    notAfterDate: new Date(to),
    extensions,
    ...(ca ? { ca } : {}),
  });
  return { cert: made.cert, key: made.private };
}

export interface GateOptions {
  /** `host:port` of the server behind it. */
  readonly upstream: string;
  readonly server: Pair;
  /** Clients need a certificate of this authority. */
  readonly clients?: Authority;
  readonly apiKey?: string;
}

export interface Gate {
  readonly address: string;
  close(): Promise<void>;
}

const UNAUTHENTICATED = { 'grpc-status': '16', 'grpc-message': 'Request unauthorized.' };

export async function startGate({ upstream, server, clients, apiKey }: GateOptions): Promise<Gate> {
  const behind = connect(`http://${upstream}`);
  behind.on('error', () => undefined);
  const gate = createSecureServer({
    ...server,
    ...(clients ? { ca: clients.cert, requestCert: true, rejectUnauthorized: true } : {}),
  });
  const sessions = new Set<{ destroy(): void }>();
  gate.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined).on('close', () => sessions.delete(session));
  });
  gate.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined);
    if (apiKey !== undefined && headers.authorization !== `Bearer ${apiKey}`) {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', ...UNAUTHENTICATED },
        { endStream: true },
      );
      return;
    }
    const request = behind.request({ ...headers, ':authority': upstream, ':scheme': 'http' });
    let trailers: IncomingHttpHeaders = {};
    request.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    stream.on('close', () => request.close(constants.NGHTTP2_CANCEL));
    request.on('trailers', (got) => {
      trailers = got;
    });
    request.on('response', (got, flags) => {
      if (stream.destroyed) return;
      if (flags & constants.NGHTTP2_FLAG_END_STREAM) {
        stream.respond(got, { endStream: true });
        return;
      }
      stream.respond(got, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      request.pipe(stream);
    });
    stream.pipe(request);
  });
  await new Promise<void>((resolve) => gate.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const { port } = gate.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    close: async () => {
      for (const session of sessions) session.destroy();
      behind.destroy();
      await new Promise((resolve) => gate.close(resolve));
    },
  };
}
