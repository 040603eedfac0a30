/**
 * How long a command waits for its permit while every background job saturates the limits: history, trips and
 * positions from two processes ask without pause, commands come at random instants, all through the real gate and the
 * gateway against a simulated GPS51.
 *
 *     npm run bench:priority [-- --json]
 *
 * Two profiles: 5 calls a second 200 ms apart, and the vendor's 10 a minute with its minute shortened 12 times and 50 ms
 * between calls (what is printed is the measured wait; `vendor's` is that wait at the vendor's own minute). Three ways: commands in one queue
 * with the rest, with priorities, and with priorities and a reserve: history leaves 4 of 10 permits untouched, trips 3,
 * positions 2.
 *
 * Uses a database of its own on the server that DATABASE_URL names, or a Postgres of its own; removes either. Ends by
 * itself within five minutes, with exit code 1 when a command waited longer than it must: 95 % under 1 s at 5 a second,
 * and never past a slot that another call was given at 10 a minute.
 */
import { migrate } from '../store/migrate';
import { withBenchDatabase } from './database';
import {
  FIVE_A_SECOND,
  type Measured,
  ONE_QUEUE,
  PRIORITIES_ONLY,
  type Profile,
  runPriority,
  tenAMinute,
  type Variant,
} from './priority-run';

const SECONDS = 36;
const TEN = tenAMinute(12);
/** At 5 a second one call in five is a command; at 10 a minute two in ten. */
const PROFILES: readonly (readonly [Profile, number])[] = [
  [FIVE_A_SECOND, 1000],
  [TEN, TEN.windowMs / 2],
];
const WITH_RESERVE: Variant = {
  name: 'priorities + reserve',
  commands: 'interactive',
  rest: null,
  reserve: { background: 0.4, scheduled: 0.3, live: 0.2 },
};
const VARIANTS: readonly Variant[] = [ONE_QUEUE, PRIORITIES_ONLY, WITH_RESERVE];
/** A permit is given up to 40 ms before it is used, and an ask that is on its way is not known yet. */
const GRACE_MS = 80;

interface Row extends Omit<Measured, 'waits'> {
  readonly profile: string;
  readonly variant: string;
  readonly factor: number;
  readonly commands: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly ok: boolean;
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function rowOf(profile: Profile, variant: Variant, measured: Measured): Row {
  const { waits, ...rest } = measured;
  const p95 = quantile(waits, 0.95);
  const enough = profile.factor === 1 ? p95 < 1000 : measured.overtakenBy === 0;
  return {
    profile: profile.name,
    variant: variant.name,
    factor: profile.factor,
    ...rest,
    commands: waits.length,
    p50: quantile(waits, 0.5),
    p95,
    max: waits.at(-1) ?? Number.NaN,
    ok: variant.commands !== 'interactive' || enough,
  };
}

async function measure(databaseUrl: string): Promise<boolean> {
  await migrate(databaseUrl);
  const rows: Row[] = [];
  for (const [profile, everyMs] of PROFILES) {
    for (const variant of VARIANTS) {
      const run = { databaseUrl, profile, variant, seconds: SECONDS, everyMs, graceMs: GRACE_MS };
      rows.push(rowOf(profile, variant, await runPriority(run)));
      if (!process.argv.includes('--json')) process.stderr.write('.');
    }
  }
  const ok = rows.every((row) => row.ok);
  if (process.argv.includes('--json')) console.log(JSON.stringify({ rows, ok }));
  else show(rows);
  return ok;
}

function show(rows: readonly Row[]): void {
  const ms = (value: number) => `${Math.round(value)}`.padStart(7);
  console.log(
    '\nprofile  commands are in         p50     p95     max ms  vendor’s p95  overtaken  commands  used',
  );
  for (const row of rows) {
    const queue = rows.find((r) => r.profile === row.profile && r.variant === ONE_QUEUE.name);
    console.log(
      `${row.profile.padEnd(8)} ${row.variant.padEnd(20)} ${ms(row.p50)} ${ms(row.p95)} ${ms(row.max)}    ` +
        `${((row.p95 * row.factor) / 1000).toFixed(2).padStart(8)} s  ${String(row.overtakenBy).padStart(9)} ` +
        `${String(row.commands).padStart(9)}  ${Math.round(row.utilisation * 100)} %` +
        `${queue && queue !== row ? `  1/${(queue.p95 / row.p95).toFixed(1)} of one queue` : ''}` +
        `${row.ok ? '' : '  TOO LONG'}`,
    );
  }
  console.log(
    `10/min: the minute is ${TEN.factor} times shorter. Overtaken: most calls of others that left while a command waited.`,
  );
}

void withBenchDatabase(measure);
