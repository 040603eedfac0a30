/** `sluice demo bmw` as a person runs it, whose worker is killed while it waits for a quota. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import type { Pool } from 'pg';
import { parse } from 'yaml';
import { readInstance } from '../../../../../embedded/instance';
import { stateDir } from '../../../../../embedded/state-dir';
import { urlOfDatabase } from '../../../../../store/connections/temporary-database';
import { createPool } from '../../../../../store/db';
import { callsSeen, type VendorCallSeen } from '../../../../support/callers/vendor-view';
import { eventually } from '../../../../support/eventually';
import { demoEnvironment, runNode, summaryOf } from '../../../../support/processes/demo';
import { SLUICE } from '../../../../support/processes/program';
import {
  type TestDatabase,
  temporaryFolder,
  testDatabase,
  testTemporal,
} from '../../../../support/stacks/embedded';

interface Summary {
  readonly exceeded: number;
  readonly problems: readonly string[];
  readonly stale: readonly string[];
  readonly vehicles: number;
  readonly logins: Readonly<Record<string, string>>;
  readonly reads: Readonly<Record<string, number>>;
  readonly commands: Readonly<Record<string, string>>;
  readonly vendors: readonly {
    readonly account: string;
    readonly limits: readonly Readonly<Record<string, unknown>>[];
    readonly functions: readonly { readonly name: string; readonly refused: number }[];
  }[];
}
/** As the demo has it stated, and what a busy machine may need to carry out that all calls stop, ms. */
const QUOTA_MS = 20_000;
const UNDER_WAY_MS = 5_000;

let database: TestDatabase;
let db: Pool;
/** In the database that the demo makes for itself. */
let own: Pool | null = null;

// The demo runs by the clock: what a stalled machine keeps it from gets a second attempt, and the first is reported.
jest.retryTimes(1, { logErrorsBeforeRetry: true });

beforeEach(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 1 });
});
afterEach(async () => {
  await db?.end();
  await database?.drop();
});

/** Those that demos of this kind have made in the Postgres that they are given; null for none. */
async function ownDatabases(): Promise<readonly string[] | null> {
  const { rows } = await db.query<{ datname: string }>(
    "select datname from pg_database where datname like 'sluice\\_demo\\_bmw\\_%'",
  );
  return rows.length === 0 ? null : rows.map(({ datname }) => datname);
}

test('logs in, reads as one, waits out a quota over the death of its worker, and says what each limit saw', async () => {
  const folder = temporaryFolder('demo-bmw');
  const state = join(folder, 'state', 'demo-bmw');
  const { address } = await testTemporal();
  const env = demoEnvironment(folder, { databaseUrl: database.url, temporalAddress: address });
  let ended = false;
  const running = runNode([SLUICE, 'demo', 'bmw', '--for', '15s', '--json'], folder, env).finally(() => {
    ended = true;
  });
  const found = async <T>(what: string, find: () => Promise<T | null | undefined | false>) =>
    eventually(what, async () => (ended ? { ended } : find())).then(async (it) => {
      if (typeof it === 'object' && it !== null && 'ended' in it) {
        const { code, out, err } = await running;
        throw new Error(`ended with ${code} before ${what}: ${out}${err}`);
      }
      return it as T;
    });
  let calls: readonly VendorCallSeen[] = [];
  const look = async () => {
    const { accounts } = parse(readFileSync(join(state, 'demo.yaml'), 'utf8'));
    calls = await callsSeen(accounts['demo-mybmw'].baseUrl);
  };
  const refused = () => calls.filter(({ status }) => status === 403);
  const worker = () =>
    readInstance(stateDir(folder, { SLUICE_STATE_DIR: state }))?.processes.find(
      ({ name }) => name === 'demo-worker',
    );
  try {
    await found('a quota is refused', async () => {
      await look();
      return refused().length > 0;
    });
    own = createPool(urlOfDatabase(database.url, (await found('its database', ownDatabases))[0] ?? ''), {
      max: 1,
    });
    const inOwn = own;
    // Of a command that is on its way when the worker dies nobody knows whether it arrived.
    await found('all commands wait', async () => {
      const { rows } = await inOwn.query<{ state: string }>('select state from sluice.commands');
      return rows.length === 3 && rows.every((one) => one.state === 'created');
    });
    const killed = await found('the worker', async () => worker());
    process.kill(killed.pid, 'SIGKILL');
    await found('another worker', async () => worker()?.pid !== killed.pid);
    // Until it is over, for then nobody can be asked.
    while (!ended) {
      await look().catch(() => undefined);
      await new Promise((next) => setTimeout(next, 200));
    }
  } finally {
    await own?.end();
    own = null;
    await running;
  }
  const ran = await running;
  const summary = summaryOf<Summary>(ran);
  expect(summary).toMatchObject({
    problems: [],
    exceeded: 0,
    vehicles: 8,
    logins: { 'demo-cardata': 'done', 'demo-mybmw': 'done' },
    commands: { lock: 'executed', flash: 'executed', climate: 'executed' },
  });
  expect(ran).toMatchObject({ code: 0, err: '' });

  // What was stated was waited for, by commands and by readers, who had the last values meanwhile.
  const firstAt = refused()[0]?.t ?? 0;
  expect(calls.filter(({ t }) => t > firstAt + UNDER_WAY_MS && t < firstAt + QUOTA_MS)).toEqual([]);
  expect(summary.stale.join('\n')).toContain('Quota will be replenished in 00:00:');
  expect(calls.filter(({ operation, status }) => operation === 'command' && status === 200)).toHaveLength(3);

  // Three ask each time, and one call at most is made for them.
  const { call = 0, stored = 0, stale = 0 } = summary.reads;
  expect(call).toBeGreaterThan(0);
  expect(3 * call).toBeLessThanOrEqual(call + stored + stale);
  expect(stale).toBeGreaterThan(0);

  const [cardata, mybmw] = summary.vendors;
  const limit = (of: typeof cardata, name: string) => of?.limits.find((one) => one.limit === name);
  expect(limit(cardata, 'calls-per-day')).toMatchObject({ allowed: 50, refused: 0 });
  expect(Number(limit(cardata, 'calls-per-day')?.most)).toBeLessThanOrEqual(50);
  expect(limit(mybmw, 'user-agent-per-day')).toMatchObject({ refused: 0 });
  expect(mybmw?.functions.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['vehicles', 'command', 'login']),
  );

  // Nothing is left behind, and nothing was done in what others may use.
  expect(existsSync(state)).toBe(false);
  expect(await ownDatabases()).toBeNull();
  expect((await db.query('select 1 from sluice.pools')).rows).toEqual([]);
  const temporal = await Connection.connect({ address });
  try {
    const { namespaces } = await temporal.workflowService.listNamespaces({});
    const names = namespaces.map(({ namespaceInfo }) => namespaceInfo?.name ?? '');
    // The server renames one whose content it still deletes.
    expect(names.filter((name) => /^sluice-demo-bmw-[0-9a-f]+$/.test(name))).toEqual([]);
  } finally {
    await temporal.close();
  }
});
