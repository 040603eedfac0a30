/**
 * Somebody else takes all of Postgres's connections, and a vendor that has been ill answers its probes with silence, while
 * a worker is killed: no limit is exceeded, nothing is lost or asked for twice, and every wait ends.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { readPool } from '../../store/pools/pools';
import {
  allCalls,
  chunksIngested,
  expectLimitsKept,
  expectWholeAndOnce,
  finished,
  pastHours,
  startBackfill,
} from '../support/chaos/chaos-judge';
import { ChaosRig } from '../support/chaos/chaos-rig';
import { longOr } from '../support/run/long';

const WINDOWS = longOr(24, 16);
const TIMEOUT_MS = 2_000;

let rig: ChaosRig;

beforeEach(async () => {
  rig = await ChaosRig.start({
    scenario: {
      latencyMs: { min: 50, max: 100 },
      reports: { queueMs: { min: 100, max: 300 }, processingMs: { min: 200, max: 600 } },
    },
    account: () => ({
      // So that no chunk is put off for a minute.
      retry: { server: { attempts: 50 } },
      pool: { breakerFailures: 3, breakerOpenSeconds: 1, probeTimeoutSeconds: 4 },
    }),
    httpTimeoutMs: TIMEOUT_MS,
  });
});

afterEach(() => rig?.close(), 60_000);

/** Takes every connection that there is, and those that become free. @returns what gives them back. */
async function hogConnections(address: string): Promise<() => Promise<void>> {
  const taken: Client[] = [];
  let going = true;
  const take = async () => {
    const client = new Client({ connectionString: address, application_name: 'hog' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      taken.push(client);
      return true;
    } catch {
      await client.end().catch(() => undefined);
      return false;
    }
  };
  while (await take());
  const working = (async () => {
    while (going) if (!(await take())) await delay(20);
  })();
  return async () => {
    going = false;
    await working;
    await Promise.all(taken.map((client) => client.end().catch(() => undefined)));
  };
}

test('connections used up: workers that lose theirs wait for others, and go on', async () => {
  const span = pastHours(WINDOWS * 6);
  await rig.startWorkers(2);
  await startBackfill(rig, span);
  await rig.eventually('some chunks are done', async () => (await chunksIngested(rig)) >= 3);
  // One that is held meanwhile, to take the workers' away.
  const keep = await rig.db.connect();
  const release = await hogConnections(rig.postgres.address);
  const ofWorkers = "application_name like 'sluice-worker%'";
  // Whoever is quicker takes what becomes free; what workers take is taken from them again.
  await rig.eventually('workers have none', async () => {
    await keep.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${ofWorkers}`);
    await delay(100);
    const { rowCount } = await keep.query(`select 1 from pg_stat_activity where ${ofWorkers}`);
    return rowCount === 0;
  });
  await delay(1000);
  const calls = (await allCalls(rig)).length;
  await rig.workers[0]?.kill();
  await delay(4000);
  // Without a connection there is no permit, and without a permit no call.
  expect((await allCalls(rig)).length).toBe(calls);
  keep.release();
  await release();
  await rig.startWorkers(2);
  expect(await finished(rig, 120_000)).toMatchObject({ chunks: WINDOWS, done: WINDOWS, failed: 0 });
  await expectWholeAndOnce(rig, span, WINDOWS);
  await expectLimitsKept(rig);
});

test('probes that hang: one at a time, none by those who wait, and all goes on when the vendor is well', async () => {
  const span = pastHours(WINDOWS * 6);
  await rig.startWorkers(2);
  await startBackfill(rig, span);
  await rig.eventually('some chunks are done', async () => (await chunksIngested(rig)) >= 3);
  await rig.control({ addFaults: [{ id: 'ill', kind: 'status', status: 503 }] });
  await rig.eventually('the breaker opens', async () => {
    const record = await readPool(rig.db, rig.pool);
    return record?.state.state === 'open';
  });
  const hangsFrom = Date.now();
  await rig.control({
    clearFaults: ['ill'],
    addFaults: [{ id: 'hang', kind: 'latency', latencyMs: 4 * TIMEOUT_MS }],
  });
  await delay(8_000);
  await rig.workers[0]?.kill();
  await rig.startWorkers(1);
  await delay(4_000);
  const probes = (await allCalls(rig)).filter(({ t }) => t > hangsFrom + 1500);
  const hungMs = Date.now() - hangsFrom;
  await rig.control({ clearFaults: ['hang'] });
  expect(await finished(rig, 120_000)).toMatchObject({ chunks: WINDOWS, done: WINDOWS, failed: 0 });
  // Each probe waits for its answer's time and then for the breaker's: no more than one in those three seconds.
  expect(probes.length).toBeLessThanOrEqual(hungMs / (TIMEOUT_MS + 1_000) + 2);
  await expectWholeAndOnce(rig, span, WINDOWS);
  await expectLimitsKept(rig);
  expect((await readPool(rig.db, rig.pool))?.state).toMatchObject({ state: 'closed' });
});
