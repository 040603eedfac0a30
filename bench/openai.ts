/**
 * A whole batch against the OpenAI simulator, in processes as they would run: how long it takes beside what the limit
 * allows, whether a call is refused, and how much memory Sluice needs.
 *
 *     npm run bench:openai [-- items] [requests a minute] [calls in flight] [burst] [true share] [--json]
 *     (default 42888 5000 300 1 1)
 *
 * `burst` is how many seconds of quota a full bucket holds, at the vendor and here; with 1 nearly all of the run is
 * paced by the rate. `true share` is what the vendor enforces of the limit that it announces: 0.7 refuses whoever
 * believes the headers. Starts a Postgres, a Temporal, a simulator, a worker and `sluice batch start --wait` of its own
 * and removes them afterwards.
 *
 * Fails above 1.05 × (items ÷ rate), above 500 MB in worker and command line together, and at the first refused call;
 * with a hidden limit, when one discovery of it was refused more calls than were in flight.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { parseSettings } from '../settings';
import { countItems } from '../store/batches/items';
import { createPool } from '../store/db';
import { migrate } from '../store/migrate';
import { generateKey } from '../store/secrets/keyring';
import { connectClient } from '../temporal/connection';
import { type CallSeen, discoveriesOf, useOfRate } from '../vendors/kit/judge/discoveries';
import { batchWorkflowId } from '../workflows/messages';
import { givenNumbers, JSON_WANTED, progress, run } from './command-line';
import { type BenchServers, withServers } from './servers';

const [items = 42_888, perMinute = 5000, concurrency = 300, burstSeconds = 1, trueShare = 1] = givenNumbers();
const ALLOWED = 1.05;
const CEILING_MB = 500;
/** With a hidden limit its rate has to be found out first, and tested again and again. */
const ALLOWED_HIDDEN = 1.2;
const SLUICE = ['worker', 'cli'] as const;
const KIND = 'openai/bios';
const ACCOUNT = 'bios';

function writeInput(folder: string): string {
  const about = 'born in the north, plays the fiddle. '.repeat(8);
  const rows = Array.from({ length: items }, (_, n) => `id-${n},Artist ${n},"${about}"\n`);
  const file = path.join(folder, 'artists.csv');
  writeFileSync(file, `artist_id,artist_name,artist_data\n${rows.join('')}`);
  return file;
}

function writePrompt(folder: string): string {
  const file = path.join(folder, 'prompt.md');
  writeFileSync(file, 'Write a biography of {{artist_name}} in three sentences. {{artist_data}}\n');
  return file;
}

/** Lines of the worker's log that show how it found its speed. */
function show(line: string, began: number): void {
  if (!line.includes('"batch.concurrency"') && !line.includes('"limit.')) return;
  const { event, concurrency: now, msg, ...more } = JSON.parse(line) as Record<string, unknown>;
  const at = ((performance.now() - began) / 1000).toFixed(1);
  const rate = more.ratePerSecond === undefined ? '' : ` ${Number(more.ratePerSecond).toFixed(2)}/s`;
  progress(`  ${at} s: ${event} ${now ?? `${more.limit}${rate}`} (${msg})`);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

async function measure({ folder, processes, start, simulate }: BenchServers): Promise<void> {
  const rate = perMinute / 60;
  const trueLimits = trueShare < 1 ? { requestsPerMinute: perMinute * trueShare } : {};
  const [{ postgres, temporal }, { url, baseUrl }] = await Promise.all([
    start(),
    simulate('openai', {
      ...{ requestsPerMinute: perMinute, tokensPerMinute: 4_000_000 },
      ...{ burstSeconds, trueLimits },
    }),
  ]);
  await migrate(postgres.url);
  const settingsFile = path.join(folder, 'sluice.yaml');
  const env = { SLUICE_VAULT_KEY: generateKey(), BENCH_KEY: 'sk-bios' };
  const yaml = stringify({
    database: { url: postgres.url },
    temporal: { address: temporal.address, encryptPayloads: false },
    accounts: {
      [ACCOUNT]: {
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
  let started = performance.now();
  const worker = processes.launch('worker', 'workers/main', ['--settings', settingsFile], env, (line) => {
    show(line, started);
    return line.includes('worker.started');
  });
  await worker.ready;
  const output = path.join(folder, 'bios.jsonl');
  const files = ['--input', writeInput(folder), '--prompt-file', writePrompt(folder), '--output', output];
  const job = ['--account', ACCOUNT, '--model', 'gpt-4.1-mini', '--max-output-tokens', '300'];
  const began = performance.now();
  const cli = processes.launch(
    'cli',
    'client/cli/main',
    ['--settings', settingsFile, 'batch', 'start', KIND, ...files, ...job, '--wait'],
    env,
    (line) => /^Batch \d+ loaded/.test(line),
  );
  const said = await cli.ready;
  started = performance.now();
  progress(`${said}, after ${Math.round(started - began)} ms`);
  const batchId = Number(/^Batch (\d+)/.exec(said)?.[1]);

  const db = createPool(postgres.url, { max: 2 });
  const connected = await connectClient(settings, temporal.address);
  const handle = connected.client.workflow.getHandle(batchWorkflowId(KIND, ACCOUNT, batchId));
  let over = false;
  const result = handle.result().finally(() => {
    over = true;
  });
  result.catch(() => undefined);
  for (let shown = 0; !over; ) {
    await delay(500);
    const mb = processes.sample(SLUICE);
    if (performance.now() - shown < 15_000) continue;
    shown = performance.now();
    const { done, running } = await countItems(db, batchId);
    progress(
      `${Math.round((shown - started) / 1000)} s: ${done} done, ${running} claimed, ${Math.round(mb)} MB`,
    );
  }
  const seconds = (performance.now() - started) / 1000;
  const lastLine = await result;
  progress(lastLine);
  // The command line writes the output, and its memory counts while it does.
  const sampling = setInterval(() => processes.sample(SLUICE), 100);
  await cli.ended;
  clearInterval(sampling);
  const lines = readFileSync(output, 'utf8').split('\n').length - 1;
  if (lines !== items) throw new Error(`the output has ${lines} lines instead of ${items}`);
  const { events } = await handle.fetchHistory();
  await connected.close();
  await db.end();

  const seen = (await (await fetch(`${url}/_sim/calls`)).json()) as CallSeen[];
  const calls = seen.filter((call) => call.operation === 'createResponse');
  const discoveries = discoveriesOf(calls);
  const refused = calls.filter((call) => call.status === 429).length;
  const ideal = items / (rate * trueShare);
  const { each, sum } = processes.peak;
  const memory = Object.entries(each).map(([name, mb]) => `${name} ${Math.round(mb)} MB`);
  const tooMany = discoveries.some((d) => d.refused > d.inFlight) || (trueShare === 1 && refused > 0);
  const tooLong = seconds > (trueShare === 1 ? ALLOWED : ALLOWED_HIDDEN) * ideal + 3;
  const ok = !tooLong && !tooMany && sum <= CEILING_MB;
  if (!ok) process.exitCode = 1;
  if (JSON_WANTED) {
    const figures = {
      seconds,
      ratio: seconds / ideal,
      calls: calls.length,
      refused,
      discoveries,
      memoryMb: { ...each, sum },
    };
    console.log(
      JSON.stringify({ items, perMinute, trueShare, ...figures, temporalEvents: events?.length, ok }),
    );
    return;
  }
  console.log(
    [
      `makespan ${seconds.toFixed(1)} s, ${(seconds / ideal).toFixed(3)} × (items ÷ rate)`,
      `rate used from the first call to the last: ${percent(useOfRate(calls, rate * trueShare))}, without the first tenth: ` +
        percent(useOfRate(calls, rate * trueShare, Math.floor(items / 10))),
      `${calls.length} calls, ${refused} refused in ${discoveries.length} discoveries`,
      `at most ${memory.join(' + ')}, together ${Math.round(sum)} MB`,
      `${events?.length} events in Temporal`,
    ].join('\n'),
  );
  for (const { at, refused: n, inFlight } of discoveries.slice(0, 20)) {
    console.log(`  refused ${n} with ${inFlight} in flight, ${new Date(at).toISOString()}`);
  }
}

run(() => withServers('openai', measure));
