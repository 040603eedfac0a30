import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Agent } from 'undici';
import { sendForText } from '../../../../activities/gateway/http/http';
import type { CallResult } from '../../../../vendors/contract';
import { openaiTexts } from '../../../../vendors/openai/calls';
import { openaiAccountSchema } from '../../../../vendors/openai/settings';
import { freePass } from '../../../support/pass';

const place = { organization: 'org-1', project: 'proj-1' };
const KEY = 'no-usual-prefix-0123456789';
let server: Server;
let answer: RequestListener;
let agent: Agent;
let ask: (timeoutSeconds?: number) => Promise<CallResult>;

beforeAll(async () => {
  server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  agent = new Agent();
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  ask = (timeoutSeconds = 30) => {
    const account = { vendor: 'openai', baseUrl, apiKey: 'env:UNUSED', timeoutSeconds, ...place };
    const { timeoutMs, authorize, post } = openaiTexts(openaiAccountSchema.parse(account));
    return sendForText(authorize(post({ model: 'm', input: 'text' }), KEY), {
      dispatcher: agent,
      timeoutMs,
      withinMs: timeoutMs,
      pass: freePass([KEY]),
    });
  };
});

afterAll(async () => {
  await agent.destroy();
  server.closeAllConnections();
  server.close();
});

const answers = (status: number, body: string | Buffer, headers: Record<string, string> = {}) => {
  answer = (_, response) => response.writeHead(status, headers).end(body);
};

test('a request says whose it is, asks for no stream and names its sender', async () => {
  let body = '';
  let seen: IncomingMessage | undefined;
  answer = (request, response) => {
    seen = request;
    request
      .setEncoding('utf8')
      .on('data', (text) => {
        body += text;
      })
      .on('end', () => response.end('{}'));
  };
  await ask();
  expect(seen).toMatchObject({
    method: 'POST',
    url: '/v1/responses',
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      'openai-organization': 'org-1',
      'openai-project': 'proj-1',
      'user-agent': expect.stringContaining('Sluice'),
    },
  });
  expect(JSON.parse(body)).toEqual({ model: 'm', input: 'text', stream: false });
});

test('an answer that does not begin is given up when the time is over', async () => {
  answer = () => undefined;
  expect(await ask(0.3)).toMatchObject({
    kind: 'transport',
    error: { code: 'ETIMEDOUT', mayHaveBeenSent: true },
  });
});

test('nobody is sent elsewhere: a redirect is an answer', async () => {
  answers(307, '', { location: '/other' });
  expect(await ask()).toMatchObject({ kind: 'response', response: { status: 307 } });
});

test('an answer that comes byte by byte is given up when the time is over', async () => {
  answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const drip = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(drip));
  };
  expect(await ask(0.3)).toMatchObject({ kind: 'transport', error: { code: 'ETIMEDOUT' } });
});

test.each([
  ['{"statusCode":429,"message":"Try again in 2 seconds."}'],
  ['Too many requests'],
  ['{"error":{"message":"slow","code":null}}'],
  [''],
])('of a refusal, the body %j comes as it was sent', async (body) => {
  answers(429, body, { 'retry-after': '3' });
  const result = await ask();
  expect(result).toMatchObject({ kind: 'response', response: { status: 429, body } });
  expect(result).toMatchObject({ response: { headers: { 'retry-after': '3' } } });
});

test.each([[200], [401], [500]])('the key that an answer of %i quotes is not passed on', async (status) => {
  const body = JSON.stringify({ error: { message: `no such key: Bearer ${KEY}.` } });
  answers(status, body, { 'x-debug': KEY });
  expect(JSON.stringify(await ask())).not.toContain(KEY);
});

test('a compressed answer is read, an answer without a body too', async () => {
  answers(200, gzipSync('{"id":"r"}'), { 'content-encoding': 'gzip' });
  expect(await ask()).toMatchObject({ response: { status: 200, body: '{"id":"r"}' } });
  answers(204, '');
  expect(await ask()).toMatchObject({ response: { status: 204, body: '' } });
});

test('an answer that breaks off is no answer', async () => {
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': '5000' }).write('{"id":"resp_');
    setTimeout(() => response.destroy(), 20);
  };
  expect(await ask()).toMatchObject({ kind: 'transport', error: { mayHaveBeenSent: true } });
});
