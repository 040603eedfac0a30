/** What an operator has changed of a limit holds for every process, whatever its settings say, until it is reset. */
import type { Pool } from 'pg';
import type { LimitTemplate } from '../../../../quota/limits/limit';
import { listOverrides, overrideLimit, resetOverride } from '../../../../store/permits/limit-overrides';
import { learnLimit, listLimits, registerLimits, takePermits } from '../../../../store/permits/permits';
import { registerPool } from '../../../../store/pools/pools';
import { ownDatabase } from '../../../support/stacks/own-database';

let db: Pool;

ownDatabase({ max: 4 }, (made) => {
  db = made;
});

const POOL = 'acme/main';
const KEY = 'acme/main/daily';
const POLICY = { kind: 'modelled' } as never;

const daily = (count: number): LimitTemplate =>
  ({
    name: 'daily',
    unit: 'calls',
    scope: '{account}',
    window: { kind: 'rolling', ms: 86_400_000, count },
    mode: 'enforce',
    source: 'settings',
  }) as unknown as LimitTemplate;

const register = (count: number, generation: number | null, key = KEY) =>
  registerLimits(db, POOL, [{ key, template: daily(count) }] as never, generation);

const order = (reason: string) => ({ pool: POOL, name: 'daily', key: null, author: 'ann', reason });

async function standing(key = KEY) {
  const found = (await listLimits(db, POOL)).find((limit) => limit.key === key);
  return found && [found.limit, found.mode, found.source];
}

async function granted(times: number): Promise<number> {
  let count = 0;
  for (let i = 0; i < times; i++) {
    const [decision] = await takePermits(
      db,
      [{ pool: POOL, priority: 'live', charges: [{ key: KEY, units: 1 }] }],
      0,
    );
    if (decision?.granted) count++;
  }
  return count;
}

test('a change holds at the next permit, over older and newer settings, and a reset goes back to what they say', async () => {
  await registerPool(db, POOL, POLICY, null, 1);
  await register(3, 1);
  expect(await granted(5)).toBe(3);

  await overrideLimit(db, order('bought more'), { capacity: 5 });
  expect(await standing()).toEqual([5, 'enforce', 'operator']);
  expect(await granted(5)).toBe(2);

  // A process of the settings before, one of newer settings, the command line, and a limit that is needed first now.
  await register(2, 0);
  expect(await standing()).toEqual([5, 'enforce', 'operator']);
  await register(9, 2);
  expect(await standing()).toEqual([5, 'enforce', 'operator']);
  await register(1, null);
  await register(7, 2, 'acme/main/other/daily');
  expect(await standing('acme/main/other/daily')).toEqual([5, 'enforce', 'operator']);
  // A vendor's word makes it smaller, and never larger.
  await learnLimit(db, { key: KEY, capacity: 8 });
  expect((await standing())?.[0]).toBe(5);
  await learnLimit(db, { key: KEY, capacity: 4 });
  expect((await standing())?.[0]).toBe(4);

  await overrideLimit(db, order('let us see'), { mode: 'shadow' });
  expect(await standing()).toEqual([5, 'shadow', 'operator']);
  expect(await granted(3)).toBe(3);

  expect(await resetOverride(db, order('as it was'))).toBe(2);
  expect(await standing()).toEqual([9, 'enforce', 'settings']);
  expect(await standing('acme/main/other/daily')).toEqual([7, 'enforce', 'settings']);
  expect(await resetOverride(db, order('again'))).toBeNull();

  const history = await listOverrides(db, { pool: POOL, name: 'daily', standing: false });
  expect(history.map(({ change, reason, endedBy }) => [change, reason, endedBy])).toEqual([
    [{ capacity: 5, mode: 'shadow' }, 'let us see', 'ann'],
    [{ capacity: 5 }, 'bought more', 'ann'],
  ]);
  const { rows } = await db.query(`select kind, data ->> 'by' as by from events order by id`);
  expect(rows).toEqual([
    { kind: 'limit.changed', by: 'ann' },
    expect.anything(),
    { kind: 'limit.changed', by: 'ann' },
    { kind: 'limit.restored', by: 'ann' },
  ]);
});

/** Rounded: it refills meanwhile, by one in a minute and a half. */
const level = (limit: { readonly used: number } | undefined) => Math.ceil(limit?.used ?? 0);

test('a bucket keeps its level in units when its rate is changed', async () => {
  const bucket = {
    name: 'pace',
    unit: 'calls',
    scope: '{account}',
    window: { kind: 'token-bucket', ratePerSecond: 0.01, burst: 10 },
    mode: 'enforce',
    source: 'vendor',
  };
  const key = 'acme/main/pace';
  await registerLimits(db, POOL, [{ key, template: bucket }] as never, 2);
  await takePermits(db, [{ pool: POOL, priority: 'live', charges: [{ key, units: 6 }] }], 0);
  const pace = { ...order('slower'), name: 'pace' };
  await overrideLimit(db, pace, { period_ms: 200_000 });
  const slower = (await listLimits(db, POOL)).find((limit) => limit.key === key);
  expect(slower?.ratePerSecond).toBeCloseTo(0.005);
  expect(level(slower)).toBe(6);
  await resetOverride(db, pace);
  const before = (await listLimits(db, POOL)).find((limit) => limit.key === key);
  expect(before?.ratePerSecond).toBeCloseTo(0.01);
  expect(level(before)).toBe(6);
});

test('a change ends what lower ranks stand back for: the more important caller waited for the limit as it was', async () => {
  await registerPool(db, POOL, POLICY, null, 1);
  const key = 'acme/main/claimed/daily';
  await register(1, 1, key);
  const ask = async (priority: 'live' | 'background') => {
    const [decision] = await takePermits(db, [{ pool: POOL, priority, charges: [{ key, units: 1 }] }], 0);
    return decision?.granted;
  };
  expect([await ask('live'), await ask('live'), await ask('background')]).toEqual([true, false, false]);

  await overrideLimit(db, { ...order('bought more'), key }, { capacity: 9 });
  // Whoever is woken first: the one that claimed it may have gone, or come later.
  expect([await ask('background'), await ask('live')]).toEqual([true, true]);
});
