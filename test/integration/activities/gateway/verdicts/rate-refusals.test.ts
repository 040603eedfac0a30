/** "Too fast": one wait for the callers of all processes, longer each time, and what operators see of it. */

import type { Pool } from 'pg';
import { CallFailed } from '../../../../../activities/gateway/call-errors';
import type { CallTerms } from '../../../../../activities/gateway/call-terms';
import type { LimitTemplate } from '../../../../../quota/limits/limit';
import type { CallableAccount } from '../../../../../settings/accounts/accounts';
import { readClock } from '../../../../../store/clock';
import { createPool } from '../../../../../store/db';
import { listEvents } from '../../../../../store/events/events';
import { unblockLimits } from '../../../../../store/permits/limit-blocks';
import { listLimits } from '../../../../../store/permits/permits';
import {
  answer,
  type Said,
  type ScriptedGateway,
  scriptedGateway,
  termsOf,
} from '../../../../support/scripted-gateway';
import { type TestDatabase, testDatabase, uniqueName } from '../../../../support/stacks/embedded';

/** Short, so that the test is. */
const RATE_POLICY = { baseMs: 200, maxMs: 600, attempts: 4, shared: true };
const PROCESSES = 4;

let database: TestDatabase;
const databases: Pool[] = [];
let gateways: ScriptedGateway[];
let db: Pool;

beforeAll(async () => {
  database = await testDatabase();
  // What processes share is the database and nothing else: each has a permit gate, a gateway and connections of its own.
  for (let i = 0; i < PROCESSES; i++) databases.push(createPool(database.url, { max: 4 }));
  gateways = databases.map((own) => scriptedGateway(own));
  db = createPool(database.url, { max: 2 });
});

afterAll(async () => {
  for (const own of [...databases, db]) await own.end();
  await database.drop();
});

const byIp = (count: number): LimitTemplate => ({
  name: 'by-ip',
  operations: '*',
  scope: '{egressIp}',
  unit: 'calls',
  window: { kind: 'rolling', count, ms: 60_000 },
  mode: 'enforce',
  source: 'test',
});

const RATE: Said = { kind: 'rate', statedWaitMs: null, limit: 'by-ip' };

/** Two accounts behind one IP, as every process knows them. */
function newAccounts(): CallableAccount[] {
  const egressIp = uniqueName('ip');
  const first = gateways[0];
  if (!first) throw new Error('no gateway');
  const retry = { rate: RATE_POLICY, server: { baseMs: 100, maxMs: 100, attempts: 2 } };
  return ['a', 'b'].map((name) =>
    first.account(uniqueName(name), [byIp(1000)], { attributes: { egressIp }, retry }),
  );
}

interface Made {
  readonly at: number;
  readonly waitMs: number | null;
}

/** A vendor that refuses by the clock. All times are the database's. */
async function callFrom(
  scripted: ScriptedGateway,
  terms: CallTerms,
  refuses: (at: number) => Said | null,
  answerMs = 5,
): Promise<Made> {
  let at = Number.NaN;
  try {
    await scripted.gateway.call({
      ...terms,
      send: async () => {
        at = await readClock(db);
        await new Promise((resolve) => setTimeout(resolve, answerMs));
        return answer(refuses(at) ?? { kind: 'ok' });
      },
    });
    return { at, waitMs: null };
  } catch (error) {
    if (error instanceof CallFailed && error.verdict.kind === 'rate') return { at, waitMs: error.waitMs };
    throw error;
  }
}

const limitOf = async (account: CallableAccount) => {
  const [limit] = await listLimits(db, account.poolKey);
  if (!limit) throw new Error('no limit');
  return limit;
};
const refusals = async (account: CallableAccount) =>
  (await listEvents(db, { pool: account.poolKey, limit: 1000 })).filter((e) => e.kind === 'limit.refused');

test('four processes meet a vendor that refuses for a while: one wait for all, and it grows', async () => {
  const accounts = newAccounts();
  const [first] = accounts;
  if (!first) throw new Error('no account');
  let until = Number.POSITIVE_INFINITY;
  let strikesSeen = 0;
  // On a busy machine three strikes take longer.
  const refuses = (at: number) => {
    until = Math.min(until, at + 4000);
    return at < until || strikesSeen < 3 ? RATE : null;
  };
  const made: Made[] = [];
  await Promise.all(
    gateways.flatMap((scripted, i) =>
      Array.from({ length: 3 }, async () => {
        const account = accounts[i % 2] ?? first;
        for (let attempt = 1; ; attempt++) {
          const terms = termsOf(account, { attempt, inlineWaitMs: 10_000, caller: `process-${i}` });
          const call = await callFrom(scripted, terms, refuses, 30);
          made.push(call);
          if (call.waitMs === null) return;
          const strikes = (await refusals(account)).map((e) => Number(e.data.strikes));
          strikesSeen = Math.max(strikesSeen, ...strikes);
          await new Promise((resolve) => setTimeout(resolve, call.waitMs ?? 0));
        }
      }),
    ),
  );
  // Calls in flight together are one strike, and the next strike is of a call that left after the block had ended.
  const reported = (await Promise.all(accounts.map(refusals))).flat().sort((a, b) => a.id - b.id);
  const strikes = reported.map((e) => Number(e.data.strikes));
  // At the end some are refused beside others that are accepted already: with those, strikes begin anew.
  const anew = strikes.findIndex((n, i) => n < (strikes[i - 1] ?? 0));
  const grown = anew < 0 ? reported : reported.slice(0, anew);
  expect(strikes.slice(grown.length).filter((n) => n !== 1)).toEqual([]);
  const blocks = grown.filter((e, i) => e.data.strikes !== grown[i - 1]?.data.strikes);
  expect(blocks.map((e) => e.data.strikes)).toEqual(blocks.map((_, i) => i + 1));
  expect(blocks.length).toBeGreaterThanOrEqual(3);
  for (const [i, { at, data }] of blocks.entries()) {
    const modelled = [200, 400][i] ?? 600;
    expect(Number(data.waitMs)).toBeGreaterThanOrEqual(modelled * 0.9);
    expect(Number(data.waitMs)).toBeLessThanOrEqual(modelled * 1.1);
    const next = blocks[i + 1];
    if (next) expect(next.at - at).toBeGreaterThanOrEqual(Number(data.waitMs));
    // Whoever was in flight waits for the same end, if it is not over yet, and not for one of its own.
    const end = at + Number(data.waitMs) + 2;
    for (const other of grown.filter((e) => e.data.strikes === data.strikes)) {
      const waitMs = Number(other.data.waitMs);
      expect(waitMs === 0 || other.at + waitMs <= end).toBe(true);
    }
  }
  expect(made.filter((call) => call.waitMs === null)).toHaveLength(PROCESSES * 3);
});

test('a success clears no block, and only one that left after the block ends the row of refusals', async () => {
  const [account] = newAccounts();
  const [a, b] = gateways;
  if (!account || !a || !b) throw new Error('no account');
  // Both leave together; the refusal comes first, the success of the other while the block stands.
  const slow = callFrom(a, termsOf(account), () => null, 150);
  const refused = await callFrom(b, termsOf(account), () => RATE, 30);
  if (refused.waitMs === null) throw new Error('it was not refused');
  const blockedFor = performance.now() + refused.waitMs;
  await slow;
  const { blockedUntil } = await limitOf(account);
  // On a busy machine the block may be over by now.
  if (performance.now() < blockedFor) expect(blockedUntil).not.toBeNull();
  // The next one, after the block, is refused too: the slow success was no reason to start anew.
  await callFrom(a, termsOf(account), () => RATE);
  expect((await refusals(account)).map((e) => e.data.strikes)).toEqual([2, 1]);
  await callFrom(b, termsOf(account), () => null);
  await callFrom(a, termsOf(account), () => RATE);
  expect((await refusals(account)).map((e) => e.data.strikes)).toEqual([1, 2, 1]);
});

test("the vendor's own wait is taken as it is, and a call fails for good after its tries", async () => {
  const [account] = newAccounts();
  const [a] = gateways;
  if (!account || !a) throw new Error('no account');
  const stated: Said = { ...RATE, statedWaitMs: 350 };
  const before = await readClock(db);
  const failed = await a.gateway
    .call({ ...termsOf(account, { attempt: 4 }), send: async () => answer(stated) })
    .catch((error: unknown) => error);
  expect(failed).toMatchObject({ name: 'CallFailed', waitMs: 350, retryable: false });
  expect(failed).toHaveProperty('message', expect.stringContaining('8902 (ask)'));
  const after = await readClock(db);
  const { blockedUntil } = await limitOf(account);
  expect(blockedUntil).toBeGreaterThanOrEqual(before + 350);
  expect(blockedUntil).toBeLessThanOrEqual(after + 350);
});

test('each refusal is an event with its caller, and the third in ten minutes one alert, whoever met them', async () => {
  const accounts = newAccounts();
  for (let i = 0; i < 5; i++) {
    const account = accounts[i % 2];
    const scripted = gateways[i % PROCESSES];
    if (!account || !scripted) throw new Error('no account');
    const stated: Said = { ...RATE, statedWaitMs: 60 };
    await callFrom(scripted, termsOf(account, { caller: `function-${i}` }), () => stated);
  }
  const [account] = accounts;
  if (!account) throw new Error('no account');
  const { key, pools } = await limitOf(account);
  expect(pools).toEqual(accounts.map((a) => a.poolKey).sort());
  const all = (await listEvents(db, { limit: 1000 })).filter((e) => e.data.subject === key).reverse();
  expect(all.map((e) => [e.kind, e.data.caller])).toEqual([
    ['limit.refused', 'function-0'],
    ['limit.refused', 'function-1'],
    ['limit.refused', 'function-2'],
    ['limit.alert', 'function-2'],
    ['limit.refused', 'function-3'],
    ['limit.refused', 'function-4'],
  ]);
  expect(all[0]?.data).toMatchObject({ limits: [key], operation: 'ask', code: '8902', waitMs: 60 });
  expect(all[3]?.data).toMatchObject({ refusals: 3, windowMs: 600_000 });
  const logged = gateways.flatMap((d) => d.logged).filter((line) => line.limit === key);
  expect(logged.filter((line) => line.event === 'limit.refused')).toHaveLength(5);
  expect(logged.filter((line) => line.event === 'limit.alert')).toMatchObject([{ level: 40, refusals: 3 }]);
});

describe('a wait that an operator ends', () => {
  const DAYS: Said = { ...RATE, statedWaitMs: 2 * 86_400_000 };
  const order = { names: null, by: 'ann@desk', reason: 'they lifted it' };
  const at = (account: CallableAccount) => ({ ...order, pool: account.poolKey });

  test('lets calls of every account of the limit leave at once, and is reported with who and why', async () => {
    const [one, two] = newAccounts();
    const [a, b] = gateways;
    if (!one || !two || !a || !b) throw new Error('no account');
    await callFrom(b, termsOf(two), () => null);
    await callFrom(a, termsOf(one), () => DAYS);
    expect(await limitOf(two)).toMatchObject({ blockedReason: expect.stringContaining('8902') });
    await expect(callFrom(b, termsOf(two), () => null)).rejects.toMatchObject({ name: 'PermitWait' });

    const [ended, ...more] = await unblockLimits(db, at(one));
    expect(ended).toMatchObject({ name: 'by-ip', pools: [one.poolKey, two.poolKey].sort() });
    expect(more).toEqual([]);
    expect(await callFrom(b, termsOf(two), () => null)).toMatchObject({ waitMs: null });
    expect(await limitOf(one)).toMatchObject({ blockedUntil: null, blockedReason: '' });
    const [event] = await listEvents(db, { pool: one.poolKey, limit: 1 });
    expect(event).toMatchObject({
      kind: 'limit.unblocked',
      data: { limit: ended?.key, by: 'ann@desk', reason: 'they lifted it', was: ended?.until },
    });
  });

  test('stays ended when a call from before it comes back refused; a later refusal counts', async () => {
    const [account] = newAccounts();
    const [a, b] = gateways;
    if (!account || !a || !b) throw new Error('no account');
    const departed = (await refusals(account)).length;
    let left = 0;
    const slow = a.gateway.call({
      ...termsOf(account),
      send: async () => {
        left++;
        while (
          (await refusals(account)).length === departed ||
          (await limitOf(account)).blockedUntil !== null
        ) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        return answer(DAYS);
      },
    });
    while (left === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await callFrom(b, termsOf(account), () => DAYS);
    await unblockLimits(db, at(account));
    // It is asked again soon, and not after the two days that the refusal stated.
    const refused = await slow.catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CallFailed);
    expect((refused as CallFailed).waitMs).toBeLessThan(1000);
    expect((await limitOf(account)).blockedUntil).toBeNull();
    await callFrom(b, termsOf(account), () => DAYS);
    expect((await limitOf(account)).blockedUntil).not.toBeNull();
  });

  test('is the one that was named, and nothing where nothing waits', async () => {
    const [account] = newAccounts();
    const [a] = gateways;
    if (!account || !a) throw new Error('no account');
    await callFrom(a, termsOf(account), () => DAYS);
    expect(await unblockLimits(db, { ...at(account), names: ['another'] })).toEqual([]);
    expect((await limitOf(account)).blockedUntil).not.toBeNull();
    expect(await unblockLimits(db, { ...at(account), names: ['by-ip'] })).toHaveLength(1);
    expect(await unblockLimits(db, at(account))).toEqual([]);
  });
});
