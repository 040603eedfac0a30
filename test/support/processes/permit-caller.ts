/**
 * Run as a child process: callers that each ask for a permit, send a real HTTP request under it and ask again. Says
 * `ready` when its connections stand, starts on `go` and ends by itself after `forMs`, sending a CallerReport.
 */
import { Pool as HttpPool } from 'undici';
import { PermitGate } from '../../../activities/gateway/permits/gate';
import type { Charge, Priority } from '../../../quota/limits/limit';
import { createPool } from '../../../store/db';

export interface CallerOptions {
  readonly databaseUrl: string;
  /** `http://127.0.0.1:port` of the vendor. */
  readonly origin: string;
  readonly path: string;
  readonly pool: string | null;
  readonly charges: readonly Charge[];
  readonly priority: Priority;
  readonly callers: number;
  readonly forMs: number;
  readonly leadMs: number;
  readonly slackMs: number;
}

export interface CallerReport {
  readonly calls: number;
  readonly denials: number;
  /** Time between departure and the end of the answer, ms: median and worst. */
  readonly answeredMs: { readonly median: number; readonly worst: number };
}

async function run(options: CallerOptions): Promise<void> {
  const db = createPool(options.databaseUrl, { max: 3 });
  const http = new HttpPool(options.origin, { connections: options.callers, pipelining: 1 });
  const gate = new PermitGate(db, { leadMs: options.leadMs });
  const send = async (path: string) => {
    const { body } = await http.request({ method: 'GET', path });
    await body.dump();
  };
  await Promise.all(Array.from({ length: options.callers }, () => send('/warm-up')));
  await db.query('select 1');
  process.send?.('ready');
  await new Promise<void>((resolve) => process.once('message', () => resolve()));

  const until = performance.now() + options.forMs;
  const took: number[] = [];
  let denials = 0;
  const caller = async () => {
    while (performance.now() < until) {
      const permit = await gate.acquire(
        { pool: options.pool, priority: options.priority, charges: options.charges },
        { inlineWaitMs: Math.max(0, until - performance.now()), slackMs: options.slackMs },
      );
      if (!permit.granted) {
        denials++;
        return;
      }
      const departed = performance.now();
      await send(options.path);
      void permit.answered();
      took.push(performance.now() - departed);
    }
  };
  await Promise.all(Array.from({ length: options.callers }, caller));
  took.sort((a, b) => a - b);
  const report: CallerReport = {
    calls: took.length,
    denials,
    answeredMs: { median: took[Math.floor(took.length / 2)] ?? 0, worst: took.at(-1) ?? 0 },
  };
  process.send?.(report);
  await Promise.all([http.close(), db.end()]);
  process.disconnect?.();
}

process.on('disconnect', () => process.exit(0));
run(JSON.parse(process.argv[2] ?? '{}') as CallerOptions).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
