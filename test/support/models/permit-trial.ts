/** `take_permits` and its reference model side by side: both get a scenario, and must decide the same. */

import type { Pool } from 'pg';
import { type LimitTemplate, priorityRank } from '../../../quota/limits/limit';
import { registerLimits, toDecision } from '../../../store/permits/permits';
import fc from '../run/properties';
import { ownDatabase } from '../stacks/own-database';
import { violations } from './arrival-judge';
import { type ModelRequest, PermitModel } from './permit-model';
import type { Ask, LimitSpec, Scenario } from './permit-scenarios';

export const RUNS = Number(process.env.SLUICE_PROPERTY_RUNS ?? 60);

interface Granted {
  readonly at: number;
  readonly ask: Ask;
  /** Units in the end, for each limit. */
  readonly cost: (number | null)[];
}

/** Judges what was let through by each limit's definition. */
function expectKept(specs: readonly LimitSpec[], granted: readonly Granted[]): void {
  for (const [i, { window, mode }] of specs.entries()) {
    if (mode === 'shadow' || window.kind === 'vendor-reset') continue;
    const calls = granted.map((g) => ({ at: g.at, units: g.cost[i] ?? 0 }));
    expect(violations(window, calls)).toEqual([]);
  }
}

/** To be called once in a test file: it sets up and tears down by itself. */
export function permitTrial() {
  let db: Pool;
  let scenario = 0;

  ownDatabase({ max: 1, durable: false }, (made) => {
    db = made;
  });

  async function take(requests: readonly ModelRequest[], leadMs: number, now: number) {
    const payload = requests.map((r) => ({ pool: null, rank: priorityRank(r.priority), charges: r.charges }));
    const { rows } = await db.query('select * from take_permits($1::jsonb, $2::float8, $3::float8)', [
      JSON.stringify(payload),
      leadMs,
      now,
    ]);
    const decisions = requests.map((_, i) => toDecision(rows.find((row) => row.idx === i)));
    return decisions;
  }

  async function register(specs: readonly LimitSpec[]) {
    const prefix = `s${scenario++}`;
    const limits = specs.map((spec, i) => {
      const template: LimitTemplate = { name: `l${i}`, operations: '*', scope: '', source: 'test', ...spec };
      return { key: `${prefix}/l${i}`, template };
    });
    await registerLimits(db, prefix, limits);
    return limits;
  }

  /** Runs a scenario through both; fails at the first difference. Returns what was let through. */
  async function runBoth(s: Scenario): Promise<{ granted: Granted[]; keys: string[] }> {
    const limits = await register(s.limits);
    const model = new PermitModel(limits);
    const granted: Granted[] = [];
    let now = s.start;
    for (const { after, step } of s.steps) {
      now += after;
      if (step.do === 'take') {
        const requests = step.asks.map((ask) => ({
          priority: ask.priority,
          charges: limits.flatMap((l, i) => {
            const n = ask.units[i];
            return n === null || n === undefined ? [] : [{ key: l.key, units: n }];
          }),
        }));
        const expected = model.take(requests, step.leadMs, now);
        const decisions = await take(requests, step.leadMs, now);
        for (const [i, decision] of decisions.entries()) {
          const want = expected[i];
          const ask = step.asks[i];
          if (!want || !ask) throw new Error('unreachable: one answer for each request');
          if (want.granted) {
            const departAt = s.inexact ? expect.closeTo(want.departAt, 2) : want.departAt;
            expect(decision).toMatchObject({ granted: true, departAt });
            granted.push({ at: want.departAt, ask, cost: [...ask.units] });
          } else {
            expect(decision.granted).toBe(false);
            const retryAt = decision.granted ? 0 : (decision.retryAt ?? 0);
            // Asking again earlier than necessary is allowed; asking again at once is not.
            expect(retryAt).toBeGreaterThan(now + step.leadMs);
            expect(retryAt).toBeLessThanOrEqual(
              Math.max(want.readyAt + (s.inexact ? 0.01 : 0), now + step.leadMs + 10),
            );
          }
        }
      } else if (step.do === 'settle') {
        const call = granted.at(-1 - step.back);
        if (!call || call.at > now) continue;
        for (const [i, limit] of limits.entries()) {
          const cost = call.cost[i] ?? 0;
          const delta = -Math.min(step.less, cost);
          if (limit.template.unit !== 'tokens' || delta === 0 || !model.limit(limit.key).enforced) continue;
          call.cost[i] = cost + delta;
          model.limit(limit.key).settle(delta, call.at, now);
          await db.query('select settle_units($1, $2, $3, $4)', [limit.key, delta, call.at, now]);
        }
      } else if (step.do === 'refuse' || step.do === 'recover') {
        const [limit] = limits;
        const call = granted.at(-1 - step.back);
        if (!limit || !call || call.at > now) continue;
        if (step.do === 'recover') {
          model.limit(limit.key).recover(now, call.at);
          await db.query('select limit_recover($1, $2, $3)', [limit.key, now, call.at]);
        } else {
          const cost = call.cost[0] ?? 0;
          model.limit(limit.key).refuse(call.at, now, cost, step.waitMs);
          await db.query('select limit_refused($1, $2, $3, $4, $5)', [
            limit.key,
            call.at,
            now,
            cost,
            step.waitMs,
          ]);
        }
      } else {
        const [limit] = limits;
        if (!limit) continue;
        const w = limit.template.window;
        const rate = w.kind === 'token-bucket' && step.factor ? w.ratePerSecond * step.factor : undefined;
        const { remaining, capacity, resetMs } = step;
        model.limit(limit.key).learn(
          {
            ...(rate === undefined ? {} : { ratePerSecond: rate }),
            ...(capacity === undefined ? {} : { capacity }),
            ...(remaining === undefined ? {} : { remaining }),
            ...(resetMs === undefined ? {} : { resetMs }),
          },
          now,
        );
        await db.query('select learn_limit($1, $2, $3, $4, $5, null, $6)', [
          limit.key,
          rate ?? null,
          capacity ?? null,
          remaining ?? null,
          resetMs ?? null,
          now,
        ]);
      }
    }
    const { rows } = await db.query('select key, shadow_over as overs from limits where key = any ($1)', [
      limits.map((l) => l.key),
    ]);
    for (const row of rows) expect([row.key, row.overs]).toEqual([row.key, model.limit(row.key).overs]);
    return { granted, keys: limits.map((l) => l.key) };
  }

  async function check(scenarios: fc.Arbitrary<Scenario>, runs = RUNS): Promise<void> {
    await fc.assert(
      fc.asyncProperty(scenarios, async (s) => {
        const { granted } = await runBoth(s);
        if (!s.steps.some(({ step }) => step.do === 'learn' || step.do === 'recover'))
          expectKept(s.limits, granted);
      }),
      { numRuns: runs },
    );
  }

  return { take, register, runBoth, check };
}
