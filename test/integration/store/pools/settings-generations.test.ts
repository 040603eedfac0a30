/** Several settings files over one database: the newest says how pools, limits and organizations are. */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { type Context, loadContext } from '../../../../client/operations/backend/context';
import { orderPool } from '../../../../client/operations/pools/orders';
import { choosePool } from '../../../../client/operations/settings/choose';
import { otherGenerations, publishSettings } from '../../../../client/operations/settings/publish';
import type { Settings } from '../../../../settings';
import { findAccount } from '../../../../settings/accounts/accounts';
import { authorOf, definitionsOf } from '../../../../settings/accounts/definitions';
import { createPool } from '../../../../store/db';
import { listEvents } from '../../../../store/events/events';
import { listLimits, registerLimits } from '../../../../store/permits/permits';
import { applyPoolEvent, readPool, registerPool } from '../../../../store/pools/pools';
import { publishDefinitions } from '../../../../store/pools/settings-generations';
import { type TestDatabase, temporaryFolder, testDatabase } from '../../../support/stacks/embedded';

const POOL = 'openai/texts';
const ORGANIZATION = 'openai/organization/org-acme';

let database: TestDatabase;
let db: Pool;
beforeEach(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 4 });
});
afterEach(async () => {
  await db.end();
  await database.drop();
});

/** A settings file of `account`, written so many hours ago. */
function file(account: string, hoursAgo: number): Context {
  const folder = temporaryFolder('settings');
  const path = join(folder, 'sluice.yaml');
  writeFileSync(path, `accounts:\n  texts: { vendor: openai, apiKey: env:KEY, ${account} }\n`);
  const at = Date.now() / 1000 - hoursAgo * 3600;
  utimesSync(path, at, at);
  // Nobody listens there: orders reach the database alone.
  const env = { DATABASE_URL: database.url, TEMPORAL_ADDRESS: '127.0.0.1:9', KEY: 'sk-test' };
  return loadContext({ settings: path, cwd: folder, env, note: () => undefined });
}

/** What a worker does when it starts and makes its first call. @returns whether its settings stand. */
async function work({ settings }: { settings: Settings }): Promise<boolean> {
  const [standing] = await publishDefinitions(db, definitionsOf(settings), {
    author: authorOf(settings),
    byHand: false,
  });
  const { poolKey, pool, organization = null, limits } = findAccount(settings, 'texts');
  await registerPool(db, poolKey, pool, organization, standing?.generation);
  const template = limits.find(({ name }) => name === 'requests');
  if (template === undefined) throw new Error('no such limit');
  await registerLimits(db, poolKey, [{ key: `${poolKey}/requests`, template }], standing?.generation);
  return standing?.supersededBy === null;
}

const size = async () => (await listLimits(db, POOL))[0]?.limit;
const state = async (key: string) => (await readPool(db, key))?.state.state;
const organizationOf = async () =>
  (await db.query<{ organization: string | null }>('select organization from pools where key = $1', [POOL]))
    .rows[0]?.organization;

const NEW = 'organization: org-acme, limits: { requests: { burst: 7 } }';
const OLD = 'limits: { requests: { burst: 99 } }';

test('an older file changes nothing that a newer one has set, and is reported', async () => {
  expect(await work(file(OLD, 9))).toBe(true);
  expect(await size()).toBe(99);
  const newer = file(NEW, 1);
  expect(await work(newer)).toBe(true);
  expect([await size(), await organizationOf()]).toEqual([7, ORGANIZATION]);
  await applyPoolEvent(db, ORGANIZATION, { type: 'pause', reason: 'the bill', until: null });

  // The one that was replaced, written anew even; and one that nobody has seen yet, of before.
  for (const older of [file(OLD, 9), file(OLD, 0), file('limits: { requests: { burst: 50 } }', 2)]) {
    expect(await work(older)).toBe(false);
    expect([await size(), await organizationOf(), await state(ORGANIZATION)]).toEqual([
      7,
      ORGANIZATION,
      'held',
    ]);
    expect(await otherGenerations(older)).toMatchObject([
      { pool: POOL, publishedBy: authorOf(newer.settings) },
    ]);
  }
  expect(await otherGenerations(newer)).toEqual([]);
  const [reported] = await listEvents(db, { limit: 1 });
  expect(reported).toMatchObject({
    kind: 'settings.superseded',
    pool: POOL,
    data: { publishedBy: authorOf(newer.settings) },
  });
});

test('a person brings back an older file, and what others have written gives way when it works', async () => {
  await work(file(OLD, 9));
  await work(file(NEW, 1));
  const old = file(OLD, 9);
  expect(await publishSettings(old, {})).toEqual({ pools: [POOL] });
  expect(await size()).toBe(7);
  expect(await work(old)).toBe(true);
  expect([await size(), await organizationOf()]).toEqual([99, null]);
  expect(await work(file(NEW, 1))).toBe(false);
  expect(await size()).toBe(99);
});

test("a pause and a resume with another file leave everything as the workers' settings make it", async () => {
  await work(file(NEW, 1));
  await applyPoolEvent(db, ORGANIZATION, { type: 'pause', reason: 'the bill', until: null });
  const other = file(OLD, 0);
  const order = (type: 'pause' | 'resume') =>
    orderPool(
      other,
      choosePool(other.settings, POOL),
      type === 'pause' ? { type, reason: '', until: null } : { type },
    );
  await order('pause');
  expect([await size(), await organizationOf(), await state(ORGANIZATION)]).toEqual([
    7,
    ORGANIZATION,
    'held',
  ]);
  // An organization that the file does not name is not resumed in passing: no call goes.
  const { outcomes, stoppedBy } = await order('resume');
  expect([outcomes.map(({ pool }) => pool), stoppedBy]).toEqual([[POOL], ORGANIZATION]);
  expect([await size(), await organizationOf(), await state(ORGANIZATION)]).toEqual([
    7,
    ORGANIZATION,
    'held',
  ]);
  expect(await db.query('select 1 from settings_generations')).toMatchObject({ rowCount: 1 });
});
