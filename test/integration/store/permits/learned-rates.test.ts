/**
 * What refusals teach of a rate that is lower than announced, played through on a clock of its own: a vendor with a true
 * token bucket, callers that ask the database for permits at the times they would, and answers that come later.
 */

import type { Pool } from 'pg';
import type { LimitTemplate } from '../../../../quota/limits/limit';
import { afterRefusal, type RateBlock } from '../../../../quota/limits/rate-strikes';
import type { BackoffPolicy } from '../../../../quota/retry-delay';
import { registerLimits, toDecision } from '../../../../store/permits/permits';
import { longOr } from '../../../support/run/long';
import fc from '../../../support/run/properties';
import { uniqueName } from '../../../support/stacks/embedded';
import { ownDatabase } from '../../../support/stacks/own-database';

jest.setTimeout(600_000);

let db: Pool;

ownDatabase({ max: 1, durable: false }, (made) => {
  db = made;
});

interface Vendor {
  /** Calls a second that it announces and that it admits. */
  readonly announced: number;
  readonly admitted: number;
  /** Calls that it admits at once. */
  readonly burst: number;
  /** The wait that it states with a refusal, from the true one, ms; null for none: then calls wait by the accounts' rules. */
  readonly stated: (ms: number) => number | null;
  /** It admits what it announces from then on, ms. */
  readonly freeAfterMs?: number;
}

/** As the gateway waits where no wait is stated. */
const UNSTATED: BackoffPolicy = { baseMs: 60_000, maxMs: 300_000, attempts: 6 };

interface Call {
  readonly departAt: number;
  readonly refused: boolean;
}

const LATENCY_MS = 400;
const MINUTE_MS = 60_000;
const MINUTES = 6;
const START = Date.UTC(2026, 4, 5, 12);

/** Plays `minutes` with so many callers that always want to call. */
async function play(
  { announced, admitted, burst, stated, freeAfterMs = Number.POSITIVE_INFINITY }: Vendor,
  minutes: number,
  callers = 16,
): Promise<Call[]> {
  const pool = uniqueName('rates');
  const key = `${pool}/requests`;
  const template: LimitTemplate = {
    name: 'requests',
    operations: '*',
    scope: '',
    unit: 'calls',
    window: { kind: 'token-bucket', ratePerSecond: announced, burst: announced * 60 },
    mode: 'enforce',
    source: 'a test',
  };
  await registerLimits(db, pool, [{ key, template }]);
  const calls: Call[] = [];
  const agenda: { at: number; run: (now: number) => Promise<void> }[] = [];
  const plan = (at: number, run: (now: number) => Promise<void>) => {
    agenda.push({ at, run });
    agenda.sort((a, b) => a.at - b.at);
  };
  let left = burst;
  let leftAt = START;
  let lookedAt = 0;
  let block: RateBlock = { strikes: 0, blockedUntil: 0 };
  const arrive = (now: number): number | null => {
    const rate = now - START < freeAfterMs ? admitted : announced;
    left = Math.min(burst, left + ((now - leftAt) / 1000) * rate);
    leftAt = now;
    // A hair less for the rounding of what was refilled.
    if (left < 1 - 1e-9) return ((1 - left) / rate) * 1000;
    left--;
    return null;
  };
  const ask = async (now: number): Promise<void> => {
    const { rows } = await db.query('select * from take_permits($1::jsonb, 25, $2)', [
      JSON.stringify([{ pool: null, rank: 0, charges: [{ key, units: 1 }] }]),
      now,
    ]);
    const decision = toDecision(rows[0]);
    if (!decision.granted) return plan(Math.max(now + 1, decision.retryAt ?? now), ask);
    const { departAt } = decision;
    plan(departAt + LATENCY_MS / 2, async (arrivedAt) => {
      const wait = arrive(arrivedAt);
      calls.push({ departAt, refused: wait !== null });
      plan(arrivedAt + LATENCY_MS / 2, async (answeredAt) => {
        if (wait !== null) {
          const waitMs = stated(wait);
          const refusal = { departedAt: departAt, statedWaitMs: waitMs, jitter: 0 };
          block = afterRefusal(block, refusal, UNSTATED, answeredAt);
          await db.query('update limits set blocked_until = greatest(blocked_until, $2) where key = $1', [
            key,
            block.blockedUntil,
          ]);
          await db.query('select limit_refused($1, $2, $3, 1, $4)', [
            key,
            departAt,
            answeredAt,
            waitMs ?? UNSTATED.baseMs,
          ]);
        } else if (answeredAt - lookedAt >= 1000) {
          if (departAt >= block.blockedUntil) block = { strikes: 0, blockedUntil: 0 };
          lookedAt = answeredAt;
          await db.query('select limit_recover($1, $2, $3)', [key, answeredAt, departAt]);
        }
        await ask(answeredAt);
      });
    });
  };
  for (let i = 0; i < callers; i++) plan(START + i, ask);
  for (let next = agenda.shift(); next && next.at < START + minutes * MINUTE_MS; next = agenda.shift())
    await next.run(next.at);
  return calls;
}

const wholeSeconds = (ms: number) => Math.max(1, Math.ceil(ms / 1000)) * 1000;
const exact = (ms: number) => Math.ceil(ms);

type Rate = readonly [
  name: string,
  announced: number,
  admitted: number,
  burst: number,
  stated: (ms: number) => number,
];
const rates: readonly Rate[] = [
  ['a fifth, in whole seconds', 2, 0.4, 24, wholeSeconds],
  ['a hundredth, with waits that are too short', 10, 0.1, 6, () => 1000],
  ['a ten-thousandth', 1000, 0.1, 6, wholeSeconds],
  ['nine tenths', 2, 1.8, 108, exact],
];
const moreRates: readonly Rate[] = [
  ['a hundredth', 10, 0.1, 6, wholeSeconds],
  ['a hundredth, at exact waits', 10, 0.1, 6, exact],
  ['a thousandth', 80, 0.08, 5, wholeSeconds],
  ['a half', 2, 1, 60, wholeSeconds],
];

test.each(longOr([...rates, ...moreRates], rates))(
  'of the announced rate %s is admitted: after a minute hardly a call is refused, and the rate is used',
  async (_, announced, admitted, burst, stated) => {
    const calls = await play({ announced, admitted, burst, stated }, MINUTES);
    const later = calls.filter(({ departAt }) => departAt >= START + MINUTE_MS);
    const refused = later.filter((call) => call.refused).length;
    expect(refused / later.length).toBeLessThan(0.05);
    expect(later.length - refused).toBeGreaterThan(0.85 * admitted * 60 * (MINUTES - 1));
  },
);

test('a wait that has nothing to do with the rate is seen through, and a burst of one is not overrun', async () => {
  const long = await play({ announced: 10, admitted: 0.2, burst: 12, stated: () => MINUTE_MS }, 2 * MINUTES);
  const settled = long.filter(({ departAt }) => departAt >= START + 3 * MINUTE_MS);
  expect(settled.filter((call) => call.refused).length / settled.length).toBeLessThan(0.05);
  const strict = await play({ announced: 10, admitted: 0.1, burst: 1, stated: exact }, 2 * MINUTES);
  const later = strict.filter(({ departAt }) => departAt >= START + MINUTE_MS);
  expect(later.filter((call) => call.refused)).toHaveLength(0);
  expect(later.length).toBeGreaterThan(20);
});

test('a call in an hour is found by a dozen refusals, and then hardly one is refused', async () => {
  const hour = { announced: 1, admitted: 1 / 3600, burst: 2, stated: () => MINUTE_MS };
  const calls = await play(hour, 60 * 60, 2);
  expect(calls.filter((call) => call.refused).length).toBeLessThan(22);
  const later = calls.filter(({ departAt }) => departAt >= START + 15 * 60 * MINUTE_MS);
  expect(later.length).toBeGreaterThan(35);
  expect(later.filter((call) => call.refused).length / later.length).toBeLessThan(0.05);
});

test('however low the true rate is, few refusals find it, whatever waits are stated', async () => {
  const logOf = (seconds: number) => Math.round(Math.log(seconds) * 100);
  const seconds = fc
    .integer({ min: logOf(300), max: logOf(86_400) })
    .map((log) => Math.round(Math.exp(log / 100)));
  const waits = fc.constantFrom<number | null>(null, 1000, MINUTE_MS);
  const burst = fc.integer({ min: 1, max: 2 });
  await fc.assert(
    fc.asyncProperty(seconds, waits, burst, async (period, wait, admittedAtOnce) => {
      const vendor = { announced: 1, admitted: 1 / period, burst: admittedAtOnce, stated: () => wait };
      const calls = await play(vendor, (30 * period) / 60, 2);
      const refused = calls.filter((call) => call.refused).length;
      expect(refused).toBeLessThan(period <= 7200 ? 22 : 26);
      const later = calls.filter(({ departAt }) => departAt >= START + 10 * period * 1000);
      expect(later.filter((call) => call.refused).length).toBeLessThanOrEqual(1 + 0.05 * later.length);
      expect(later.length).toBeGreaterThan(8);
    }),
    {
      numRuns: longOr(40, 4),
      examples: [
        [600, null, 1],
        [86_400, null, 1],
      ],
    },
  );
});

test('a rate that is admitted again in full is found again', async () => {
  const calls = await play(
    { announced: 2, admitted: 0.1, burst: 6, stated: wholeSeconds, freeAfterMs: 2 * MINUTE_MS },
    20,
  );
  const last = calls.filter(({ departAt }) => departAt >= START + 19 * MINUTE_MS);
  expect(last.length).toBeGreaterThan(60);
});

test('a vendor that has refused everything for a while is used to the full soon after, whatever waits it stated', async () => {
  for (const stated of [() => 1000, () => 30_000]) {
    const blackout = { announced: 2, admitted: 1e-9, burst: 1, freeAfterMs: 20 * MINUTE_MS };
    const calls = await play({ ...blackout, stated }, 28);
    const free = START + blackout.freeAfterMs;
    // The sixteen that were on the way at first, and one in five minutes or so.
    expect(calls.filter(({ refused }) => refused).length).toBeLessThan(35);
    const admitted = calls.filter(({ departAt, refused }) => !refused && departAt >= free);
    expect((admitted[0]?.departAt ?? Number.POSITIVE_INFINITY) - free).toBeLessThan(6 * MINUTE_MS);
    const last = admitted.filter(({ departAt }) => departAt >= free + 7 * MINUTE_MS);
    expect(last.length).toBeGreaterThan(100);
  }
});
