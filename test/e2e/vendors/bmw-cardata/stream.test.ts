import { listEvents } from '../../../../store/events/events';
import { applyPoolEvent, readPool } from '../../../../store/pools/pools';
import { type CarDataSimulator, startCarDataSimulator } from '../../../../vendors/bmw-cardata/simulator';
import { type Cli, cliFor } from '../../../support/cli';
import { eventually } from '../../../support/eventually';
import { type CoreStack, startCore } from '../../../support/stacks/core-stack';
import { uniqueName } from '../../../support/stacks/embedded';
import { MqttBroker } from '../../../support/vendors/mqtt-broker';

const ACCOUNT = uniqueName('cars');

let stack: CoreStack & { readonly vendor: CarDataSimulator };
let broker: MqttBroker;
let sluice: Cli;
let gcid: string;
let vins: string[];

const TIMES = {
  tickMs: 100,
  leaseMs: 5_000,
  retryMs: 200,
  steadyMs: 500,
  keepAliveMs: 1_000,
  connectMs: 2_000,
  seedMs: 300,
};

beforeAll(async () => {
  broker = await MqttBroker.start();
  stack = await startCore({
    name: 'cardata-stream',
    env: {},
    startVendor: () =>
      startCarDataSimulator({ login: { intervalSeconds: 0.2, approveAfterPolls: 0 }, cars: 2 }),
    settings: ({ url }) => ({
      // What a test deletes from the database is gone.
      reads: { memoryMb: 0 },
      accounts: {
        [ACCOUNT]: {
          ...{ vendor: 'bmw-cardata', baseUrl: url, loginUrl: url, clientId: 'client-of-the-test' },
          stream: { enabled: true, url: broker.url, silentAfterMinutes: 0.15, gapMinutes: 0.5 },
        },
      },
    }),
  });
  sluice = cliFor(stack);
  await stack.startWorker({ streamTimes: TIMES });
  await stack.startWorker({ streamTimes: TIMES });
});
afterAll(async () => {
  clearInterval(chatter);
  await stack?.close();
  await broker?.kill();
});

const kinds = async () => (await listEvents(stack.db, { limit: 1000 })).map(({ kind }) => kind).reverse();
const streamEvents = async () => (await kinds()).filter((kind) => kind.startsWith('stream.'));
/** Keeps the stream from being silent, however long a command takes to start. */
let chatter: NodeJS.Timeout | undefined;
const stream = async () => JSON.parse((await sluice(['streams', '--json'])).out)[0];
const mileage = async (vin: string) => {
  const { rows } = await stack.db.query<{ value: unknown; source: string }>(
    `select v.value, v.source from read_values v join reads r on r.id = v.read_id
     where r.vehicle_id = $1 and r.read = 'telematics' and v.name = 'vehicle.vehicle.travelledDistance'`,
    [vin],
  );
  return rows[0];
};
const sendMileage = (vin: string, value: string) =>
  broker.publish(`${gcid}/${vin}`, {
    vin,
    data: {
      'vehicle.vehicle.travelledDistance': { value, unit: 'km', timestamp: new Date().toISOString() },
    },
  });
const reads = async () => {
  const { rows } = await stack.db.query<{ count: number }>(
    `select count(*)::int as count from reads where read = 'telematics' and answered_at is not null`,
  );
  return rows[0]?.count ?? 0;
};

test('after a login one connection stands over all workers; what was before is read once, and changes come in', async () => {
  await eventually('the missing login is reported', async () =>
    (await stream()).reason.includes('logged in'),
  );
  // The lease is held while a call for what was before takes longer than it lasts: two connections are not allowed.
  stack.vendor.control({
    addFaults: [{ kind: 'latency', operation: 'telematics', latencyMs: 1.5 * TIMES.leaseMs, count: 1 }],
  });
  expect((await sluice(['login', ACCOUNT])).code).toBe(0);
  await eventually('the stream stands', () => broker.connections === 1);
  await eventually('the vehicles are read', async () => (await reads()) === 2);
  const { rows } = await stack.db.query<{ vehicle_id: string }>('select vehicle_id from vehicles order by 1');
  vins = rows.map(({ vehicle_id }) => vehicle_id);
  gcid = broker.entered[0]?.username ?? '';
  expect(gcid).not.toBe('');
  chatter = setInterval(() => sendMileage(vins[0] ?? '', '123456'), 500);

  broker.publish(`${gcid}/${vins[0]}`, 'no JSON');
  broker.publish(`${gcid}/${vins[0]}`, {
    vin: vins[0],
    data: { 'far.too.long': { value: 'x'.repeat(1024 * 1024) } },
  });
  sendMileage(vins[0] ?? '', '123456');
  await eventually('the value is stored', async () => (await mileage(vins[0] ?? ''))?.value === '123456');
  expect(await mileage(vins[0] ?? '')).toMatchObject({ source: 'stream' });
  const { rows: long } = await stack.db.query(`select name from read_values where name = 'far.too.long'`);
  expect(long).toEqual([]);
  expect(await stream()).toMatchObject({ state: 'connected', held: true, reason: '' });
  // As fresh as if it had been called for.
  await eventually('the read counts as fresh', async () => {
    const found = await stack.db.query(
      "select 1 from reads where vehicle_id = $1 and streamed_at > now() - interval '2 s'",
      [vins[0]],
    );
    return found.rowCount === 1;
  });
  expect(broker.most).toBe(1);
});

test('a vehicle that the list does not name is reported once, and shown as soon as the vendor lists it', async () => {
  const [, added = ''] = vins;
  const foreign = 'WBATEST00SLUC0009';
  // As though the car had been added to the account after the list was fetched.
  await stack.db.query('update vehicles set removed_at = now() where vehicle_id = $1', [added]);
  await stack.db.query("update reads set answered_at = now() - interval '2 hours' where read = 'vehicles'");
  await stack.db.query("delete from reads where vehicle_id = $1 and read = 'telematics'", [added]);
  const lists = () => stack.vendor.log.list({ operation: 'mappings' }).length;
  const before = lists();
  for (let n = 0; n < 3; n++) {
    sendMileage(added, '888');
    sendMileage(foreign, '999');
  }
  await eventually('it is listed', async () => {
    const { rowCount } = await stack.db.query(
      'select from vehicles where vehicle_id = $1 and removed_at is null',
      [added],
    );
    return rowCount === 1;
  });
  await eventually('it is read as a whole', async () => (await reads()) === 2);
  await eventually('the other is stored, and kept', async () => (await mileage(foreign))?.value === '999');
  const reported = (await listEvents(stack.db, { limit: 100, kinds: ['stream.unlisted'] })).map(
    ({ data }) => data,
  );
  expect(reported.map(({ vehicle }) => vehicle).sort()).toEqual([added, foreign].sort());
  sendMileage(foreign, '1000');
  await eventually('news of it come in', async () => (await mileage(foreign))?.value === '1000');
  expect(await listEvents(stack.db, { limit: 100, kinds: ['stream.unlisted'] })).toHaveLength(2);
  expect(lists()).toBe(before + 1);
});

test('a broker that is killed and comes back is connected to again and reported once, and a short gap costs no call', async () => {
  const before = await stack.db.query('select max(answered_at) as at from reads');
  await broker.kill();
  await eventually('the loss is reported', async () => (await streamEvents()).at(-1) === 'stream.lost');
  await broker.listen();
  await eventually('it is back', async () => (await streamEvents()).at(-1) === 'stream.back');
  sendMileage(vins[1] ?? '', '777');
  await eventually('a value comes', async () => (await mileage(vins[1] ?? ''))?.value === '777');
  const after = await stack.db.query('select max(answered_at) as at from reads');
  expect(after.rows).toEqual(before.rows);
  expect((await streamEvents()).filter((kind) => kind === 'stream.lost')).toHaveLength(2);
});

test('a stream without messages is reported once, and each vehicle is read once', async () => {
  clearInterval(chatter);
  const before = Date.now();
  await eventually('the silence is reported', async () => (await streamEvents()).at(-1) === 'stream.silent');
  // A busy machine may lose the connection and make it anew in between.
  await eventually('the state says so', async () => (await stream()).state === 'silent');
  await eventually('each is read', async () => {
    const { rows } = await stack.db.query<{ n: number }>(
      "select count(*)::int as n from reads where read = 'telematics' and answered_at > to_timestamp($1)",
      [before / 1000],
    );
    return rows[0]?.n === 2;
  });
  const reported = (await streamEvents()).length;
  // One message may meet a connection that is being made anew; and after one it would soon be silent again.
  chatter = setInterval(() => sendMileage(vins[0] ?? '', '123457'), 500);
  await eventually('it reports again', async () =>
    (await streamEvents()).slice(reported).includes('stream.back'),
  );
});

test('a connection over which nothing comes any more is noticed by its pings', async () => {
  // Or what is made anew after a while on a busy machine would be silent, and not back.
  clearInterval(chatter);
  chatter = setInterval(() => sendMileage(vins[0] ?? '', '123458'), 500);
  const before = broker.entered.length;
  broker.freeze();
  await eventually('it is noticed', async () => (await streamEvents()).at(-1) === 'stream.lost');
  broker.thaw();
  await eventually('it is made anew', () => broker.entered.length > before);
  await eventually('it is back', async () => (await streamEvents()).at(-1) === 'stream.back');
});

test('a broker that accepts and ends each connection at once is tried at growing intervals', async () => {
  await broker.kill();
  await broker.listen();
  broker.cutOff(true);
  const before = broker.entered.length;
  await eventually('it is tried', () => broker.entered.length > before);
  const since = performance.now();
  await eventually('and again', () => broker.entered.length >= before + 3);
  // After the first and the second: 200 and 400 ms.
  expect(performance.now() - since).toBeGreaterThan(500);
  broker.cutOff(false);
  await eventually('it is back', async () => (await streamEvents()).at(-1) === 'stream.back');
  clearInterval(chatter);
});

test('a token that the stream refuses is reported, and its password is nowhere', async () => {
  broker.accept(false);
  await broker.kill();
  await broker.listen();
  await eventually('the refusal is reported', async () => (await streamEvents()).at(-1) === 'stream.refused');
  expect(await stream()).toMatchObject({ state: 'waiting', retryAt: expect.any(String) });
  broker.accept(true);
  await eventually('it is let in again', () => broker.connections === 1);
  await eventually('nothing is waited for', async () => (await stream()).retryAt === null);
  const reported =
    JSON.stringify(await listEvents(stack.db, { limit: 200 })) + JSON.stringify(await stream());
  for (const { password } of broker.entered) expect(reported).not.toContain(password);
});

test('it is renewed before its token ends, on a spent day too, one connection at a time', async () => {
  stack.vendor.control({ tokenLifetimeSeconds: 4 });
  const pool = `bmw-cardata/${ACCOUNT}`;
  await applyPoolEvent(stack.db, pool, {
    ...{ type: 'quota', statedWaitMs: 3_600_000, reason: 'the day is spent', jitter: 0 },
    epoch: (await readPool(stack.db, pool))?.state.epoch ?? 1,
    evidence: { vendor: 'bmw-cardata', account: ACCOUNT, operation: 'telematics' },
  });
  await stack.db.query("update tokens set expires_at = now() + interval '1 s'");
  await broker.kill();
  await broker.listen();
  const before = (await streamEvents()).length;
  await eventually('the silence is reported', async () =>
    (await streamEvents()).slice(before).includes('stream.silent'),
  );
  await eventually(
    'two more tokens are used',
    () => new Set(broker.entered.slice(-3).map((e) => e.password)).size === 3,
  );
  expect(broker.most).toBe(1);
  expect((await readPool(stack.db, pool))?.state.state).toBe('quota_paused');
  // A silence is one, however often the connection is made anew.
  const reported = (await streamEvents()).slice(before);
  expect(reported.slice(reported.indexOf('stream.silent'))).toEqual(['stream.silent']);
});
