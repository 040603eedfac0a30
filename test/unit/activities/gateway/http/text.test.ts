import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { Agent } from 'undici';
import { sendForText } from '../../../../../activities/gateway/http/http';
import { eventually } from '../../../../support/eventually';
import { freePass } from '../../../../support/pass';

let server: Server;
let dispatcher: Agent;
let respond: RequestListener;

beforeEach(async () => {
  dispatcher = new Agent();
  server = createServer((request, response) => respond(request, response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});

afterEach(async () => {
  await dispatcher.destroy();
  await new Promise((closed) => server.close(closed));
});

function send(timeoutMs = 5000) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return sendForText({ method: 'POST', url, headers: {} }, { dispatcher, timeoutMs, pass: freePass() });
}

const TEXT = '{"status":0,"cause":"成功"}';

test('the start of the request is reported once, before its answer, and never for one that is not sent', async () => {
  const seen: string[] = [];
  respond = (_, response) => {
    seen.push('arrived');
    response.end(TEXT);
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const request = { method: 'POST', url, headers: {} } as const;
  const reported = () => ({ dispatcher, timeoutMs: 5000, pass: freePass([], () => seen.push('sent')) });
  expect(await sendForText(request, reported())).toMatchObject({ response: { status: 200, body: TEXT } });
  expect(seen).toEqual(['sent', 'arrived']);
  await new Promise((closed) => server.close(closed).closeAllConnections());
  expect(await sendForText(request, reported())).toMatchObject({ error: { mayHaveBeenSent: false } });
  expect(seen).toEqual(['sent', 'arrived']);
});

test.each([
  ['gzip', gzipSync(TEXT)],
  ['deflate', deflateSync(TEXT)],
  ['br', brotliCompressSync(TEXT)],
])('an answer that a gateway has compressed unasked (%s) is read', async (encoding, bytes) => {
  respond = (_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bytes);
  expect(await send()).toMatchObject({ kind: 'response', response: { status: 200, body: TEXT } });
});

test('a compressed body without a header is recognised by its bytes, and a byte order mark is left out', async () => {
  respond = (_, response) => response.writeHead(200).end(gzipSync(TEXT));
  expect(await send()).toMatchObject({ response: { body: TEXT } });
  respond = (_, response) => response.writeHead(200).end(`\ufeff${TEXT}`);
  expect(await send()).toMatchObject({ response: { body: TEXT } });
});

test.each([
  ['gzip', TEXT],
  ['br', TEXT],
  ['deflate', TEXT],
  ['identity', gzipSync(TEXT)],
  ['br', gzipSync(TEXT)],
  ['identity', `\ufeff${TEXT}`],
])('what is not compressed as it says (%s) goes by its bytes', async (encoding, bytes) => {
  respond = (_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bytes);
  expect(await send()).toMatchObject({ kind: 'response', response: { body: TEXT } });
});

test('half of a compressed answer is none, and may have been acted on', async () => {
  const half = gzipSync(TEXT).subarray(0, 15);
  respond = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(half);
  expect(await send()).toMatchObject({ kind: 'transport', error: { mayHaveBeenSent: true } });
});

test('an answer of several megabytes, such as a long track, comes whole', async () => {
  const long = `"${'x'.repeat(9 * 1024 * 1024)}"`;
  respond = (_, response) => response.end(long);
  const result = await send();
  expect(result.kind === 'response' && result.response.body.length).toBe(long.length);
});

test('an answer that comes byte by byte is given up, however it keeps coming', async () => {
  let closed = false;
  respond = (_, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write(' '), 10);
    response.on('close', () => {
      closed = true;
      clearInterval(drip);
    });
  };
  expect(await send(100)).toMatchObject({
    kind: 'transport',
    error: { code: 'BODY_TOO_SLOW', mayHaveBeenSent: true },
  });
  await eventually('hung up', () => closed);
});
