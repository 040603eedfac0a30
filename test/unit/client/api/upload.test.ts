/** A body that is a file, over a socket. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApiError } from '../../../../client/api/problem';
import { withUpload } from '../../../../client/api/upload';

const MAX = 100_000;
const seen: string[] = [];
const server = createServer((request, response) => {
  withUpload(request, { suffix: '.csv', maxBytes: MAX }, async ({ path, bytes, sha256 }) => {
    seen.push(path);
    return { bytes, sha256: sha256.toString('hex'), text: readFileSync(path, 'utf8').slice(0, 5) };
  }).then(
    (answer) => response.end(JSON.stringify(answer)),
    (error: unknown) => {
      const { code, details } = error as ApiError;
      response.writeHead(413, details?.headers).end(JSON.stringify({ code }));
    },
  );
});
let url: string;

beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function send(bytes: number) {
  // Without a length: nobody can know beforehand how much comes.
  const body = new Blob(['a,b,c', 'x'.repeat(bytes - 5)]).stream();
  const answer = await fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
  return { status: answer.status, body: await answer.json() };
}

test('it comes as a file, which is gone afterwards', async () => {
  expect(await send(MAX)).toMatchObject({ status: 200, body: { bytes: MAX, text: 'a,b,c' } });
  expect(seen).toHaveLength(1);
  expect(existsSync(seen[0] ?? '')).toBe(false);
});

test('an upload that is too long gets an answer, and is not cut off', async () => {
  expect(await send(20 * MAX)).toEqual({ status: 413, body: { code: 'TOO_LARGE' } });
  expect(seen).toHaveLength(1);
});

test('a body that was read already is none', async () => {
  await expect(withUpload({}, { suffix: '', maxBytes: 1 }, async () => undefined)).rejects.toBeInstanceOf(
    ApiError,
  );
});
