/**
 * A whole batch against the OpenAI simulator, in processes as they would run: how long it takes beside what the limit
 * allows, whether a call is refused, and how much memory it needs.
 *
 *     npm run build && node dist/bench/openai.js [items] [requests a minute] [calls in flight] [burst]
 *     (default 42888 5000 300 1)
 *
 * `burst` is how many seconds of quota a full bucket holds, at the vendor and here; with 1 nearly all of the run is
 * paced by the rate. Starts a Postgres, a Temporal, a simulator and a worker of its own and removes them afterwards.
 * Fails above 1.05 × (items ÷ rate), at the first refused call and above 500 MB.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { removePostgres, startPostgres } from '../embedded/postgres';
import { startTemporal, stopTemporal } from '../embedded/temporal';
import { parseSettings } from '../settings';
import { countItems, createBatch, type NewItem } from '../store/batches';
import { createPool } from '../store/db';
import { generateKey } from '../store/keyring';
import { migrate } from '../store/migrate';
import { connectClient } from '../workers/temporal-connection';

const [items = 42_888, perMinute = 5000, concurrency = 300, burstSeconds = 1] = process.argv
  .slice(2)
  .map(Number);
const ALLOWED = 1.05;
const CEILING_MB = 500;
const ROOT = path.join(__dirname, '..');
const children: ChildProcess[] = [];

/** A script of this build as a process; the first line that `isReady` accepts is handed back. */
function launch(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  isReady: (line: string) => boolean,
) {
  const child = spawn(
    process.execPath,
    [...process.execArgv, path.join(ROOT, script + path.extname(__filename)), ...args],
    {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  const ready = new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (part) => {
      text = text.length > 100_000 ? '' : text + part;
      const line = text.split('\n').find(isReady);
      if (line !== undefined) resolve(line);
    });
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
  });
  return { child, ready };
}

/** Resident memory of a process, MB. */
function memoryOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid ?? 'self'}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

async function* rows(): AsyncGenerator<NewItem[]> {
  for (let from = 0; from < items; from += 1000) {
    yield Array.from({ length: Math.min(1000, items - from) }, (_, i) => ({
      externalId: `id-${from + i}`,
      variables: {
        artist_name: `Artist ${from + i}`,
        artist_data: 'born in the north, plays the fiddle. '.repeat(8),
      },
    }));
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-bench-openai-'));
  chmodSync(folder, 0o755);
  const dbFile = path.join(folder, 'temporal.db');
  try {
    await measure(folder, dbFile);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await stopTemporal(dbFile);
    await removePostgres(path.join(folder, 'pg'));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string, dbFile: string): Promise<void> {
  const rate = perMinute / 60;
  const scenario = path.join(folder, 'scenario.json');
  writeFileSync(
    scenario,
    JSON.stringify({ requestsPerMinute: perMinute, tokensPerMinute: 4_000_000, burstSeconds }),
  );
  const simulator = launch('vendors/openai/simulator/main', ['--scenario', scenario], {}, (line) =>
    line.includes('"url"'),
  );
  const [postgres, temporal, simulated] = await Promise.all([
    startPostgres({ dataDir: path.join(folder, 'pg') }),
    startTemporal({ dbFile, logFile: `${dbFile}.log` }),
    simulator.ready,
  ]);
  const { url, baseUrl } = JSON.parse(simulated) as { url: string; baseUrl: string };
  await migrate(postgres.url);
  const settingsFile = path.join(folder, 'sluice.yaml');
  const env = { SLUICE_VAULT_KEY: generateKey(), BENCH_KEY: 'sk-bios' };
  const yaml = stringify({
    database: { url: postgres.url },
    temporal: { address: temporal.address, encryptPayloads: false },
    accounts: {
      bios: {
        vendor: 'openai',
        baseUrl,
        apiKey: 'env:BENCH_KEY',
        concurrency: { min: 4, max: concurrency },
        limits: {
          requests: { ratePerSecond: rate, burst: Math.max(1, Math.floor(rate * burstSeconds)) },
          tokens: { ratePerSecond: 4_000_000 / 60, burst: Math.floor((4_000_000 / 60) * burstSeconds) },
        },
      },
    },
  });
  writeFileSync(settingsFile, yaml);
  const settings = parseSettings(yaml, { file: null, baseDir: folder, env });
  const worker = launch('workers/main', ['--settings', settingsFile], env, (line) =>
    line.includes('worker.started'),
  );
  await worker.ready;

  const db = createPool(postgres.url, { max: 2 });
  const connected = await connectClient(settings, temporal.address);
  const began = performance.now();
  const { batch } = await createBatch(
    db,
    {
      digest: 'bench',
      kind: 'openai/bios',
      account: 'bios',
      model: 'gpt-4.1-mini',
      prompt: 'Write a biography of {{artist_name}} in three sentences. {{artist_data}}',
      options: { maxOutputTokens: 300, maxConcurrency: null },
      inputName: 'bench',
      priority: 'background',
    },
    rows(),
  );
  console.log(`loaded ${batch.items} items in ${Math.round(performance.now() - began)} ms`);
  const handle = await connected.client.workflow.start('batch', {
    workflowId: 'bench',
    taskQueue: settings.temporal.taskQueue,
    args: [{ batchId: batch.id }],
  });
  const started = performance.now();
  let peak = 0;
  let over = false;
  const result = handle.result().finally(() => {
    over = true;
  });
  result.catch(() => undefined);
  for (let shown = 0; !over; ) {
    await delay(500);
    peak = Math.max(peak, memoryOf(worker.child.pid));
    if (performance.now() - shown < 15_000) continue;
    shown = performance.now();
    const { done, running } = await countItems(db, batch.id);
    console.log(
      `${Math.round((shown - started) / 1000)} s: ${done} done, ${running} claimed, ${Math.round(peak)} MB`,
    );
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(await result);
  const calls = (await (await fetch(`${url}/_sim/calls`)).json()) as { operation: string; status: number }[];
  const texts = calls.filter((call) => call.operation === 'createResponse');
  const refused = texts.filter((call) => call.status === 429).length;
  const ideal = items / rate;
  const { events } = await handle.fetchHistory();
  console.log(
    `makespan ${seconds.toFixed(1)} s, ${(seconds / ideal).toFixed(3)} × (items ÷ rate); ${texts.length} calls, ` +
      `${refused} refused; worker at most ${Math.round(peak)} MB; ${events?.length} events in Temporal`,
  );
  await connected.close();
  await db.end();
  if (seconds > ALLOWED * ideal + 3 || refused > 0 || peak > CEILING_MB) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
