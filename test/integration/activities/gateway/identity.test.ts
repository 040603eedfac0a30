/** Who calls: one identity for a database, in every request, and none where the database has lost it. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Pool } from 'pg';
import { Agent } from 'undici';
import { sendForStream, sendForText } from '../../../../activities/gateway/http/http';
import type { VendorGateway } from '../../../../activities/gateway/vendor-call';
import type { CallableAccount } from '../../../../settings/accounts/accounts';
import { createPool } from '../../../../store/db';
import { readDeployment } from '../../../../store/deployment';
import { migrate } from '../../../../store/migrate';
import type { ClientIdentity } from '../../../../vendors/contract';
import { scriptedGateway, termsOf } from '../../../support/scripted-gateway';
import { type TestDatabase, testDatabase, uniqueName } from '../../../support/stacks/embedded';

let database: TestDatabase;
let db: Pool;
let server: Server;
const seen: IncomingHttpHeaders[] = [];
const dispatcher = new Agent();

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 4 });
  server = createServer((request, response) => {
    seen.push(request.headers);
    response.end('{"kind":"ok"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  await dispatcher.close();
  await new Promise((resolve) => server.close(resolve));
  await db.end();
  await database.drop();
});

beforeEach(() => {
  seen.length = 0;
});

const identity: ClientIdentity = {
  name: ({ id }) => `acme/${id}`,
  identify: (request, { id }) => ({ ...request, headers: { ...request.headers, 'x-client': `acme/${id}` } }),
};

function call(gateway: VendorGateway, account: CallableAccount, send = sendForText) {
  const { port } = server.address() as AddressInfo;
  const request = { method: 'GET', url: `http://127.0.0.1:${port}/`, headers: { accept: '*/*' } } as const;
  return gateway.call({
    ...termsOf(account),
    send: (_, __, pass) => send(request, { dispatcher, timeoutMs: 5000, pass }),
  });
}

test('is derived from the one row that the migration made, and no later migration makes another', async () => {
  const { rows } = await db.query<{ id: string }>('select id::text as id from deployment');
  expect(rows).toHaveLength(1);
  const { id, seed } = await readDeployment(db);
  expect(seed).toBe(rows[0]?.id);
  expect(id).toBe(createHash('sha256').update(seed).digest('hex').slice(0, 16));
  await migrate(database.url);
  expect((await readDeployment(db)).seed).toBe(seed);
  await expect(db.query('insert into deployment (id) values (gen_random_uuid())')).rejects.toThrow('unique');
});

test('is in every request of an account whose vendor wants it, by whatever function sends it, and in no other', async () => {
  const { id } = await readDeployment(db);
  const processes = [scriptedGateway(db), scriptedGateway(db)];
  for (const { gateway, account } of processes) {
    await call(gateway, account(uniqueName('a'), [], { identity }));
    await call(gateway, account(uniqueName('b'), [], { identity }), sendForStream).catch(() => undefined);
    await call(gateway, account(uniqueName('c'), []));
  }
  const names = seen.map((headers) => headers['x-client']);
  expect(names).toEqual([`acme/${id}`, `acme/${id}`, undefined, `acme/${id}`, `acme/${id}`, undefined]);
});

test('that is lost is missed: nothing leaves, and no other takes its place until the old one is back', async () => {
  const { seed } = await readDeployment(db);
  const { gateway, account } = scriptedGateway(db);
  const known = account(uniqueName('a'), [], { identity });
  await db.query('delete from deployment');
  await expect(call(gateway, known)).rejects.toThrow(/sluice\.deployment.*backup/);
  await migrate(database.url);
  await expect(readDeployment(db)).rejects.toThrow('no new one is made');
  await call(gateway, account(uniqueName('b'), []));
  expect(seen.map((headers) => headers['x-client'])).toEqual([undefined]);
  await db.query('insert into deployment (id) values ($1)', [seed]);
  await call(gateway, known);
  expect(seen).toHaveLength(2);
});
