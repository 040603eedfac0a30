/**
 * How many permits a second the database decides, durably: fsync and synchronous_commit are on, and a permit counts
 * when its caller holds it. Limits are wide open, so that nothing is waited for.
 *
 *     npm run bench:permits [-- --json]
 *
 * Uses a database of its own on the server that DATABASE_URL names, or a Postgres of its own; removes either. Ends by
 * itself within a minute, with exit code 1 below the floors. Rates are medians over half-seconds.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Pool } from 'pg';
import { PermitGate } from '../activities/gateway/permits/gate';
import type { LimitInstance, LimitWindow } from '../quota/limits/limit';
import { createPool } from '../store/db';
import { migrate } from '../store/migrate';
import { registerLimits, takePermits } from '../store/permits/permits';
import { registerPool } from '../store/pools/pools';
import { withBenchDatabase } from './database';

const CALLERS = 16;
const PROCESSES = 4;
const RUN_MS = 4000;
const SLICE_MS = 500;
const FLOORS = { single: 1500, three: 800, flat: 0.7 };
const POOL = 'bench/pool';

const open = (key: string, window: LimitWindow): LimitInstance => ({
  key,
  template: {
    name: key,
    operations: '*',
    scope: '',
    unit: 'calls',
    window,
    mode: 'enforce',
    source: 'bench',
  },
});

const SINGLE = [open('single/bucket', { kind: 'token-bucket', ratePerSecond: 1e5, burst: 1e5 })];
const THREE = [
  open('three/bucket', { kind: 'token-bucket', ratePerSecond: 1e5, burst: 1e5 }),
  open('three/day', { kind: 'calendar', count: 1e9, per: 'day', zone: 'Europe/Berlin' }),
  open('three/minute', { kind: 'rolling', count: 1e6, ms: 60_000 }),
];

/** Permits in each slice of the run, counted as callers get them. */
async function acquireForAWhile(db: Pool, keys: readonly string[]): Promise<number[]> {
  const gate = new PermitGate(db, { leadMs: 40 });
  const request = {
    pool: POOL,
    priority: 'background',
    charges: keys.map((key) => ({ key, units: 1 })),
  } as const;
  const slices: number[] = new Array(RUN_MS / SLICE_MS).fill(0);
  const began = performance.now();
  const caller = async () => {
    for (;;) {
      const permit = await gate.acquire(request, { inlineWaitMs: 1000, slackMs: 250 });
      if (!permit.granted) throw new Error(`denied by ${permit.deniedBy}, which is wide open`);
      const slice = Math.floor((performance.now() - began) / SLICE_MS);
      if (slice >= slices.length) return;
      slices[slice] = (slices[slice] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return slices;
}

async function child(url: string, keys: readonly string[]): Promise<void> {
  const db = createPool(url, { max: 3 });
  await db.query('select 1');
  process.send?.('ready');
  await once(process, 'message');
  const slices = await acquireForAWhile(db, keys);
  process.send?.(slices);
  await db.end();
  process.disconnect();
}

async function withProcesses(url: string, keys: readonly string[], count: number): Promise<number> {
  const children = Array.from({ length: count }, () =>
    fork(__filename, ['child', url, ...keys], { execArgv: process.execArgv }),
  );
  try {
    await Promise.all(children.map((c) => once(c, 'message')));
    const counted = children.map((c) => once(c, 'message') as Promise<[number[]]>);
    for (const c of children) c.send('go');
    const all = (await Promise.all(counted)).map(([slices]) => slices);
    const summed = (all[0] ?? []).map((_, i) => all.reduce((sum, slices) => sum + (slices[i] ?? 0), 0));
    return Math.round((median(summed) / SLICE_MS) * 1000);
  } finally {
    for (const c of children) c.kill();
  }
}

/** Milliseconds for one batch of 8 permits of 8 limits, out of 10 and out of 10,000, batch by batch in turns. */
async function costByRows(db: Pool): Promise<{ few: number; many: number }> {
  const limits = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      open(`rows/${count}/${i}`, { kind: 'token-bucket', ratePerSecond: 1e5, burst: 1e5 }),
    );
  const [few, many] = [limits(10), limits(10_000)];
  for (const set of [few, many]) {
    for (let i = 0; i < set.length; i += 1000) await registerLimits(db, POOL, set.slice(i, i + 1000));
  }
  const timeBatch = async (among: readonly LimitInstance[], batch: number): Promise<number> => {
    const requests = Array.from({ length: 8 }, (_, i) => ({
      pool: POOL,
      priority: 'background' as const,
      charges: [{ key: among[(batch * 7919 + i * 631) % among.length]?.key ?? '', units: 1 }],
    }));
    const began = performance.now();
    await takePermits(db, requests, 40);
    return performance.now() - began;
  };
  const times = { few: [] as number[], many: [] as number[] };
  for (let batch = 0; batch < 400; batch++) {
    times.few.push(await timeBatch(few, batch));
    times.many.push(await timeBatch(many, batch));
  }
  return { few: median(times.few.slice(50)), many: median(times.many.slice(50)) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function measure(url: string): Promise<boolean> {
  await migrate(url);
  const db = createPool(url, { max: 3, applicationName: 'sluice-bench' });
  try {
    await registerPool(db, POOL, {
      unknownQuotaMs: 1,
      unknownQuotaFactor: 1,
      unknownQuotaMaxMs: 1,
      absurdWaitMs: 1,
      breakerFailures: 1,
      breakerOpenMs: 1,
      probeTimeoutMs: 1,
      hintAfterStrikes: 1,
      hint: '',
    });
    await registerLimits(db, POOL, [...SINGLE, ...THREE]);
    const keys = (limits: readonly LimitInstance[]) => limits.map((l) => l.key);
    // Before the tables grow: what is compared is the number of rows, not what the runs leave behind.
    const rows = await costByRows(db);
    const rates = [];
    for (const [processes, label] of [
      [1, `1 process × ${CALLERS}`],
      [PROCESSES, `${PROCESSES} processes × ${CALLERS}`],
    ] as const) {
      for (const [limits, set, floor] of [
        [1, SINGLE, FLOORS.single],
        [3, THREE, FLOORS.three],
      ] as const) {
        const perSecond = await withProcesses(url, keys(set), processes);
        rates.push({ callers: label, limits, permitsPerSecond: perSecond, floor, ok: perSecond >= floor });
      }
    }
    const { rows: settings } = await db.query<{ name: string; setting: string }>(
      `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit')`,
    );
    const flat = rows.few / rows.many;
    const durable = settings.every((s) => s.setting === 'on');
    const ok = rates.every((r) => r.ok) && flat >= FLOORS.flat && durable;
    if (process.argv.includes('--json')) {
      console.log(JSON.stringify({ rates, rows: { ...rows, ratio: flat, floor: FLOORS.flat }, durable, ok }));
    } else {
      console.log(settings.map((s) => `${s.name} ${s.setting}`).join(', '));
      console.log('callers                limits   permits/s   floor');
      for (const r of rates) {
        console.log(
          `${r.callers.padEnd(22)} ${String(r.limits).padStart(6)} ${String(r.permitsPerSecond).padStart(11)} ` +
            `${String(r.floor).padStart(7)}  ${(r.permitsPerSecond / r.floor).toFixed(1)} × the floor`,
        );
      }
      console.log(
        `batch of 8: ${rows.few.toFixed(2)} ms among 10 limits, ${rows.many.toFixed(2)} ms among 10,000: ` +
          `ratio ${flat.toFixed(2)} (floor ${FLOORS.flat})`,
      );
    }
    return ok;
  } finally {
    await db.end();
  }
}

const [, , role, url, ...keys] = process.argv;
void (role === 'child' && url !== undefined ? child(url, keys) : withBenchDatabase(measure));
