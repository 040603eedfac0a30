/** What a vendor has answered while Postgres was away outlives the API process that was told. */
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Pool } from 'pg';
import { stringify } from 'yaml';
import { createPool } from '../../../../store/db';
import { eventually } from '../../../support/eventually';
import { type BreakableProxy, startBreakableProxy } from '../../../support/network/breakable-proxy';
import { type ApiProcess, startApi } from '../../../support/processes/api-process';
import { temporaryFolder } from '../../../support/run/run-folder';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const vendor = createServer();
let database: TestDatabase;
let db: Pool;
let proxy: BreakableProxy;
let api: ApiProcess | undefined;
let refuse: () => void = () => undefined;
const asked = new Promise<void>((called) => {
  vendor.on('request', (_request, response) => {
    const error = {
      message: 'You exceeded your current quota',
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    };
    refuse = () => response.writeHead(429).end(JSON.stringify({ error }));
    called();
  });
});

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
  db = createPool(database.url, { max: 1 });
  proxy = await startBreakableProxy(new URL(database.url).host);
  await new Promise<void>((listening) => vendor.listen(0, '127.0.0.1', listening));
});
afterAll(async () => {
  await api?.end();
  vendor.close();
  vendor.closeAllConnections();
  await proxy.close();
  await db.end();
  await database.drop();
});

function through({ address }: BreakableProxy): string {
  const url = new URL(database.url);
  url.host = address;
  return url.toString();
}

test('a refusal that came while Postgres was away stops the pool by the next API process', async () => {
  const folder = temporaryFolder('spool');
  const settings = stringify({
    database: { url: through(proxy) },
    accounts: {
      own: {
        vendor: 'openai',
        baseUrl: `http://127.0.0.1:${(vendor.address() as AddressInfo).port}/v1`,
        apiKey: 'env:TEST_CLIENT_SECRET',
      },
    },
  });
  const env = { SLUICE_STATE_DIR: folder };
  api = await startApi(settings, env);
  const called = fetch(`${api.url}/api/v1/calls`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ account: 'own', operation: 'getBatch', path: '/batches' }),
  }).catch(() => null);
  await asked;
  proxy.cut();
  refuse();
  const entries = () =>
    readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('.entry'));
  await eventually('it is on disk', () => entries().length === 1);
  await api.end('SIGKILL');
  await called;
  const state = async () =>
    (await db.query<{ state: string }>(`select state from pools where key = 'openai/own'`)).rows[0]?.state;
  expect(await state()).toBe('closed');
  proxy.restore();
  api = await startApi(settings, env);
  await eventually('the pool is stopped', async () => (await state()) !== 'closed');
  await eventually('nothing is left on disk', () => entries().length === 0);
});
