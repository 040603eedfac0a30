import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Agent, request } from 'undici';
import { refusingLateDepartures } from '../../../../../activities/gateway/http/departures';
import { sendForText } from '../../../../../activities/gateway/http/http';
import { freePass } from '../../../../support/pass';

let server: http.Server;
let url: string;
let requests = 0;

beforeAll(async () => {
  server = http.createServer((asked, answer) => {
    requests++;
    setTimeout(() => answer.end('well'), asked.url === '/slow' ? 2500 : 50);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Connections that take a while to come, as those of a process that is frozen meanwhile. */
const slowToConnect = (ms: number) =>
  new Agent({
    connect: (options, callback) => {
      setTimeout(() => {
        const socket = connect(Number(options.port), String(options.hostname));
        socket.once('connect', () => callback(null, socket));
      }, ms);
    },
  });

test('a request that is late to leave is not sent, and says so', async () => {
  const agent = slowToConnect(300);
  const before = requests;
  const result = await sendForText(
    { method: 'POST', url, headers: {}, body: 'make one' },
    { dispatcher: agent.compose(refusingLateDepartures(100)), timeoutMs: 5000, pass: freePass() },
  );
  expect(result).toMatchObject({
    kind: 'transport',
    error: { code: 'LATE_DEPARTURE', mayHaveBeenSent: false },
  });
  expect(requests).toBe(before);
  await agent.close();
});

test('one that leaves in time is sent as it is, however long its answer takes', async () => {
  const agent = slowToConnect(10);
  const result = await sendForText(
    { method: 'POST', url: `${url}/slow`, headers: {}, body: 'make one' },
    { dispatcher: agent.compose(refusingLateDepartures(2000)), timeoutMs: 30_000, pass: freePass() },
  );
  expect(result).toMatchObject({ kind: 'response', response: { status: 200, body: 'well' } });
  await agent.close();
});

test('the wait of the settings holds, not that of the connections', async () => {
  const agent = new Agent({ headersTimeout: 100, bodyTimeout: 100 });
  await expect(request(`${url}/slow`, { dispatcher: agent })).rejects.toMatchObject({
    code: 'UND_ERR_HEADERS_TIMEOUT',
  });
  const result = await sendForText(
    { method: 'GET', url: `${url}/slow`, headers: {} },
    { dispatcher: agent.compose(refusingLateDepartures(5000)), timeoutMs: 30_000, pass: freePass() },
  );
  expect(result).toMatchObject({ kind: 'response', response: { status: 200, body: 'well' } });
  await agent.close();
});
