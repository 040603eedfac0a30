/**
 * Reads of cached vehicles beside a running demo: how long each takes, from the instant at which it was due.
 *
 *     npm run bench:vehicle-reads [-- reads a second] [seconds] [--json]        (default 200 60)
 *
 * Runs `sluice demo bmw` as a process of its own, waits until its vehicles have been read once, and then reads them from
 * here as a server of Sluice does, at a steady pace that waits for no answer. Fails when a read fails, when one is not
 * served from what is stored, or when the 95th percentile is 50 ms or more.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadContext } from '../client/operations/backend/context';
import { type OpenBackend, openBackend } from '../client/operations/backend/open-backend';
import { listVehicles, readVehicle } from '../client/operations/vehicles/vehicles';
import { givenNumbers, JSON_WANTED, progress, run } from './command-line';
import { Processes } from './processes';

const [perSecond = 200, seconds = 60] = givenNumbers();
const ALLOWED_MS = 50;
/** As a server has. */
const CONNECTIONS = 10;
/** The demo goes on for so much longer than it is measured, s: it starts, logs in and reads first. */
const MARGIN_S = 60;

const processes = new Processes();

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-bench-reads-'));
  const demo = processes.launch(
    'demo',
    'client/cli/main',
    ['demo', 'bmw', '--for', `${seconds + MARGIN_S}s`, '--json'],
    { SLUICE_STATE_DIR: folder, HOME: process.env.HOME },
    (line) => line.includes('"type":"progress"'),
  );
  try {
    await demo.ready;
    const root = path.join(folder, 'demo-bmw');
    process.env.SLUICE_STATE_DIR = root;
    const context = loadContext({ settings: path.join(root, 'demo.yaml') });
    const backend = openBackend(context, { applicationName: 'sluice-bench', connections: CONNECTIONS });
    try {
      await measure(backend);
    } finally {
      await backend.close();
    }
    progress('waiting for the demo to end …');
    const code = await demo.ended;
    if (code !== 0) {
      progress(`the demo ended with ${code}`);
      process.exitCode = 1;
    }
  } finally {
    processes.killAll();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface Target {
  readonly account: string;
  readonly vehicle: string;
  readonly read: string;
}

const READS: Readonly<Record<string, string>> = { 'demo-cardata': 'telematics', 'demo-mybmw': 'state' };

/** What the demo has stored: each vehicle with the read that its users ask for. */
async function stored(backend: OpenBackend): Promise<readonly Target[]> {
  const lists = await listVehicles(backend, { maxAge: '1h' });
  const all = lists.flatMap(({ account, vehicles }) =>
    vehicles.map(({ vehicleId }) => ({ account, vehicle: vehicleId, read: READS[account] ?? '' })),
  );
  const deadline = Date.now() + MARGIN_S * 1000;
  for (;;) {
    const known = await Promise.all(all.map((target) => one(backend, target).catch(() => null)));
    const found = all.filter((_, i) => known[i] === 'stored');
    if (found.length === all.length || (found.length > 0 && Date.now() > deadline)) return found;
    if (Date.now() > deadline) throw new Error('the demo has stored nothing to read');
    await delay(500);
  }
}

async function one(backend: OpenBackend, target: Target): Promise<'stored' | 'call' | 'stale'> {
  const served = await readVehicle(backend, { ...target, maxAge: '1h' });
  if (served.stale !== null) return 'stale';
  return served.servedFrom === 'call' ? 'call' : 'stored';
}

async function measure(backend: OpenBackend): Promise<void> {
  const targets = await stored(backend);
  progress(`${perSecond} reads a second of ${targets.length} cached vehicles for ${seconds} s`);
  const count = perSecond * seconds;
  const tookMs: number[] = [];
  const failures: string[] = [];
  const from = { stored: 0, call: 0, stale: 0 };
  const running: Promise<void>[] = [];
  const began = performance.now();
  for (let n = 0; n < count; n++) {
    const due = began + (n * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 1) await delay(wait);
    const target = targets[n % targets.length];
    if (target === undefined) break;
    const read = one(backend, target)
      .then((served) => {
        from[served]++;
      })
      .catch((error: unknown) => {
        failures.push(error instanceof Error ? error.message : String(error));
      })
      .finally(() => {
        tookMs.push(performance.now() - due);
      });
    running.push(read);
  }
  await Promise.all(running);
  const lasted = (performance.now() - began) / 1000;
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) * 10) / 10;
  const result = {
    vehicles: targets.length,
    reads: count,
    perSecond: Math.round((count / lasted) * 10) / 10,
    failed: failures.length,
    ...from,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
  if (failures.length > 0 || from.call > 0 || from.stale > 0 || result.p95Ms >= ALLOWED_MS)
    process.exitCode = 1;
  if (JSON_WANTED) console.log(JSON.stringify(result));
  else {
    console.log(
      `${result.perSecond} reads/s: p50 ${result.p50Ms} ms, p95 ${result.p95Ms} ms (allowed below ${ALLOWED_MS}), p99 ${result.p99Ms} ms, most ${result.maxMs} ms`,
    );
    console.log(
      `${from.stored} from what is stored, ${from.call} by a call, ${from.stale} stale, ${failures.length} failed`,
    );
    for (const reason of new Set(failures)) console.log(`  ${reason}`);
  }
}

run(main);
