/**
 * Lets Temporal's Web UI and command line read what the codec has encrypted: `POST /encode` and `POST /decode`, each
 * with `{"payloads": […]}` in protobuf's JSON (bytes as base64), answered alike. Only the last part of the path counts,
 * so that it may stand behind a prefix. Errors are a line of text, which `temporal` shows as it is.
 *
 * Whoever may ask can read everything: browsers only from pages of the allowed origins, and with a token when there is
 * one. Nothing that passes through is logged.
 *
 * Protocol: temporalio/samples-go codec-server/protocol.md, and what temporalio/ui sends (X-Namespace, Authorization).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { z } from 'zod';
import type { Secret } from '../settings';
import { KeyError } from '../store/secrets/keyring';

/** A page of a history is 4 MB at the most, which base64 makes a third more. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** A browser asks again for leave after this, s. */
const PREFLIGHT_SECONDS = 600;

export interface CodecServerOptions {
  readonly codec: PayloadCodec;
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  /** Pages that may ask, e.g. `http://localhost:8233`. */
  readonly allowOrigins: readonly string[];
  /** Expected as `Authorization: Bearer …`; null: none. */
  readonly token: Secret | null;
}

export interface CodecServer {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws the system's error when the port cannot be bound. */
export async function startCodecServer(options: CodecServerOptions): Promise<CodecServer> {
  const server = createServer((request, response) => {
    handle(options, request, response).catch((error: unknown) => {
      // Nothing of a request is in the message of a Refusal; of other errors nothing is known.
      if (error instanceof Refusal) refuse(response, error);
      else refuse(response, new Refusal(500, 'the codec server failed'));
    });
  });
  server.requestTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, resolve);
  });
  const { address, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeIdleConnections();
      }),
  };
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

async function handle(
  options: CodecServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  allowOrigin(options, request, response);
  const operation = operationOf(request);
  if (request.method === 'OPTIONS') {
    preflight(request, response);
    return;
  }
  if (request.method !== 'POST') {
    throw new Refusal(405, `${request.method} is not taken; use POST`, { Allow: 'POST, OPTIONS' });
  }
  checkToken(options.token, request);
  const payloads = parsePayloads(await readBody(request));
  let converted: readonly Payload[];
  try {
    converted = await options.codec[operation]([...payloads]);
  } catch (error) {
    // A KeyError says which key is missing, and nothing of the payload.
    const why = error instanceof KeyError ? error.message : 'a payload is malformed';
    throw new Refusal(400, `cannot ${operation}: ${why}`);
  }
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ payloads: converted.map(toJson) }));
}

function operationOf({ url }: IncomingMessage): 'encode' | 'decode' {
  const last = (url ?? '').replace(/\?.*$/, '').split('/').at(-1);
  if (last === 'encode' || last === 'decode') return last;
  throw new Refusal(404, 'there is nothing here; POST to /encode or /decode');
}

/** Browsers name the page that asks, other clients do not. */
function allowOrigin(
  { allowOrigins }: CodecServerOptions,
  { headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const { origin } = headers;
  response.setHeader('Vary', 'Origin');
  if (origin === undefined) return;
  if (!allowOrigins.includes(origin)) {
    throw new Refusal(403, `pages of ${origin} may not ask; start with: --allow-origin ${origin}`);
  }
  response.setHeader('Access-Control-Allow-Origin', origin);
  // The Web UI may be set to send its cookies along; we have none.
  response.setHeader('Access-Control-Allow-Credentials', 'true');
}

function preflight({ headers }: IncomingMessage, response: ServerResponse): void {
  const privately = headers['access-control-request-private-network'] === 'true';
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'POST, OPTIONS',
    'Access-Control-Allow-Headers':
      headers['access-control-request-headers'] ?? 'authorization, content-type, x-namespace',
    'Access-Control-Max-Age': String(PREFLIGHT_SECONDS),
    ...(privately ? { 'Access-Control-Allow-Private-Network': 'true' } : {}),
  });
  response.end();
}

function checkToken(token: Secret | null, { headers }: IncomingMessage): void {
  if (token === null) return;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
  if (timingSafeEqual(digest(given), digest(token.reveal()))) return;
  const problem = given === '' ? 'a token is needed, as "Authorization: Bearer …"' : 'the token is wrong';
  throw new Refusal(401, `${problem}; with temporal: --codec-auth "Bearer …"`, {
    'WWW-Authenticate': 'Bearer',
  });
}

async function readBody(request: IncomingMessage): Promise<string> {
  // Other types reach us from any page without asking for leave first.
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\b/i.test(type)) throw new Refusal(415, 'Content-Type must be application/json');
  const tooLarge = () =>
    new Refusal(413, `the body is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB`, { Connection: 'close' });
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const base64 = z.string().regex(/^[A-Za-z0-9+/_-]*={0,2}$/, 'must be base64');
const bodySchema = z.object({
  payloads: z
    .array(z.object({ metadata: z.record(z.string(), base64).nullish(), data: base64.nullish() }))
    .nullish(),
});

function parsePayloads(text: string): readonly Payload[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'the body is not JSON');
  }
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') || 'the body';
    throw new Refusal(400, `${where}: ${issue?.message ?? 'is malformed'}; expected {"payloads": […]}`);
  }
  return (parsed.data.payloads ?? []).map(({ metadata, data }) => ({
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([key, value]) => [key, bytesOf(value)])),
    data: bytesOf(data ?? ''),
  }));
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'base64');
const base64Of = (bytes: Uint8Array | null | undefined): string =>
  Buffer.from(bytes ?? []).toString('base64');

function toJson({ metadata, data }: Payload) {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([key, value]) => [key, base64Of(value)]),
    ),
    ...(data && data.length > 0 ? { data: base64Of(data) } : {}),
  };
}

function refuse(response: ServerResponse, { status, message, headers }: Refusal): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers });
  response.end(`${message}\n`);
}
