/** Clients that send too slowly: what they hold is freed soon, and nobody else waits for it. */
import { connect } from 'node:net';
import { type BareApi, startBareApi } from '../../../support/stacks/bare-api';

const HEADERS_MS = 300;
// Long enough for a busy machine to look meanwhile.
const IDLE_MS = 2_000;

let api: BareApi;

beforeAll(async () => {
  api = await startBareApi({
    maxInFlight: 3,
    times: { headersMs: HEADERS_MS, bodyIdleMs: IDLE_MS },
  });
});
afterAll(() => api.close());

/** Sends these bytes and no more. @returns what came back until the server hung up, and after how long. */
function stall(bytes: string): Promise<{ readonly text: string; readonly ms: number }> {
  const from = performance.now();
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(api.port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('utf8').on('data', (piece) => {
      text += piece;
    });
    socket.on('error', () => undefined).on('close', () => resolve({ text, ms: performance.now() - from }));
  });
}

const HEAD = 'HTTP/1.1\r\nhost: 127.0.0.1\r\n';

test('a head that never ends is answered 408, and cut off', async () => {
  const [line, lines] = await Promise.all([stall('GET /li'), stall(`GET /livez ${HEAD}x: `)]);
  for (const { text, ms } of [line, lines]) {
    expect(text).toMatch(/^HTTP\/1\.1 408 .*"code":"TOO_SLOW"/s);
    expect(ms).toBeLessThan(20 * HEADERS_MS);
  }
});

test('a connection on which nothing comes is closed without a word', async () => {
  expect((await stall('')).text).toBe('');
});

test('bodies that stop coming are cut off, and give their places back', async () => {
  const json = `POST /api/v1/prune ${HEAD}content-type: application/json\r\ncontent-length: 100\r\n\r\n{"dry`;
  const file = `POST /api/v1/batches/upload?kind=openai/x&account=x&model=x&prompt=x ${HEAD}content-type: text/csv\r\ntransfer-encoding: chunked\r\n\r\n3\r\na,b\r\n`;
  const stalled = [json, json, file].map(stall);
  await new Promise((done) => setTimeout(done, IDLE_MS / 4));
  const livez = await fetch(`http://127.0.0.1:${api.port}/livez`);
  const full = await fetch(`http://127.0.0.1:${api.port}/api/v1/accounts`);
  expect([livez.status, full.status]).toEqual([200, 503]);
  for (const { ms } of await Promise.all(stalled)) expect(ms).toBeGreaterThanOrEqual(IDLE_MS - 50);
  expect((await fetch(`http://127.0.0.1:${api.port}/api/v1/accounts`)).status).toBe(200);
});
