/**
 * Whether a kind of work that has all it can do holds up another: how long a command takes from the wish to its arrival
 * at the vendor, and a pool from an operator's signal to the state in Postgres, while many batches run in the same
 * worker process.
 *
 *     npm run bench:bulkheads [-- batches] [commands] [requests a minute] [--json]      (default 100 20 5000)
 *
 * The texts' vendor answers after 1 to 3 s, and the batches want more than its limit allows, so pages hold their slots
 * and wait for permits. Before the batches the same is measured with an idle worker, for comparison. Signals go to the
 * pool of the batches, which stops and wakes all of them each time, and come again before they have settled. Starts a
 * Postgres, a Temporal, two simulators and a worker of its own and removes them afterwards; ends by itself within five
 * minutes.
 *
 * Fails when 95 % of the commands took more than 5 s, or a signal more than 1 s.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { stringify } from 'yaml';
import { parseSettings, type Settings } from '../settings';
import { createBatch, type NewItem } from '../store/batches/batches';
import { createCommand } from '../store/commands/commands';
import { createPool } from '../store/db';
import { migrate } from '../store/migrate';
import { readPool } from '../store/pools/pools';
import { generateKey } from '../store/secrets/keyring';
import { connectClient } from '../temporal/connection';
import {
  batchWorkflowId,
  commandWorkflowId,
  pauseSignal,
  poolWorkflowId,
  resumeSignal,
} from '../workflows/messages';
import { givenNumbers, JSON_WANTED, progress, run } from './command-line';
import { type BenchServers, withServers } from './servers';

const [batches = 100, commands = 20, perMinute = 5000] = givenNumbers();

const COMMAND_BAR_MS = 5_000;
const SIGNAL_BAR_MS = 1_000;
/** Pairs of pause and resume. */
const ORDERS = 10;
const KIND = 'openai/bios';
const TEXTS = 'bios';
const FLEET = 'fleet';
const IDLE_COMMANDS = 5;
const PATIENCE_MS = 60_000;

/** Wide enough that commands hardly wait for the vendor's quota: what is measured is what holds them up in the house. */
const WIDE = {
  spacing: { ms: 200 },
  'per-second': { count: 5 },
  'ip-per-minute': { count: 5000 },
} as const;

interface Rig {
  readonly db: Pool;
  readonly client: Client;
  readonly settings: Settings;
  readonly fleetUrl: string;
  readonly device: string;
}

async function measure({ folder, processes, start, simulate }: BenchServers): Promise<void> {
  const [{ postgres, temporal }, openai, gps51] = await Promise.all([
    start(),
    simulate('openai', {
      requestsPerMinute: perMinute,
      tokensPerMinute: 4_000_000,
      latencyMs: { min: 1_000, max: 3_000 },
    }),
    simulate('gps51', {
      limits: WIDE,
      fleet: { offlineShare: 0, expiredShare: 0 },
      commands: { password: 'command-secret', confirmMs: { min: 5, max: 30 }, slowShare: 0 },
    }),
  ]);
  await migrate(postgres.url);
  const env = { SLUICE_VAULT_KEY: generateKey(), BENCH_KEY: 'sk-bios', BENCH_FLEET: 'fleet-secret' };
  const yaml = stringify({
    database: { url: postgres.url },
    temporal: { address: temporal.address, encryptPayloads: false },
    accounts: {
      [TEXTS]: { vendor: 'openai', baseUrl: openai.baseUrl, apiKey: 'env:BENCH_KEY' },
      [FLEET]: {
        ...{ vendor: 'gps51', baseUrl: gps51.baseUrl, username: 'fleet', password: 'env:BENCH_FLEET' },
        ...{ commandPassword: 'env:BENCH_COMMAND', egressIp: '192.0.2.1', limits: WIDE },
      },
    },
  });
  const whole = { ...env, BENCH_COMMAND: 'command-secret' };
  const settingsFile = path.join(folder, 'sluice.yaml');
  writeFileSync(settingsFile, yaml);
  const settings = parseSettings(yaml, { file: null, baseDir: folder, env: whole });
  const worker = processes.launch('worker', 'workers/main', ['--settings', settingsFile], whole, (line) =>
    line.includes('worker.started'),
  );
  await worker.ready;
  const db = createPool(postgres.url, { max: 4 });
  const connected = await connectClient(settings, temporal.address);
  const devices = (await (await fetch(`${gps51.url}/_sim/devices`)).json()) as { id: string }[];
  const rig = { db, client: connected.client, settings, fleetUrl: gps51.url, device: devices[0]?.id ?? '' };

  await sendCommands(rig, 'WARMUP', 1);
  const idle = await sendCommands(rig, 'IDLE', IDLE_COMMANDS);
  progress(`idle: ${wordsOf(idle)}`);
  await startBatches(rig);
  const busy = await sendCommands(rig, 'BUSY', commands);
  progress(`${batches} batches: ${wordsOf(busy)}`);
  const signals = await orderPool(rig);
  progress(`signals: ${wordsOf(signals)}`);
  const { rows } = await db.query<{ running: number; done: number }>(
    `select count(distinct batch_id) filter (where state = 'running')::int as running,
            count(*) filter (where state = 'done')::int as done from batch_items`,
  );
  processes.sample(['worker']);
  await connected.close();
  await db.end();

  const p95 = quantile(busy, 0.95);
  const slowest = Math.max(...signals);
  const ok = p95 <= COMMAND_BAR_MS && slowest <= SIGNAL_BAR_MS;
  if (!ok) process.exitCode = 1;
  const figures = {
    ...{ batches, perMinute, done: rows[0]?.done },
    idleCommands: summaryOf(idle),
    commands: summaryOf(busy),
    signals: summaryOf(signals),
    workerMb: processes.peak.each.worker,
  };
  if (JSON_WANTED) console.log(JSON.stringify({ ...figures, ok }));
  else
    console.log(
      ok
        ? 'within the bars'
        : `above a bar: commands ${COMMAND_BAR_MS} ms (p95), signals ${SIGNAL_BAR_MS} ms`,
    );
}

/** Batches that outlast the measurement; resolves when each has a call on the way or behind it. */
async function startBatches({ db, client, settings }: Rig): Promise<void> {
  const began = performance.now();
  const each = Math.ceil((perMinute * 10) / batches);
  for (let n = 0; n < batches; n++) {
    async function* items(): AsyncGenerator<NewItem[]> {
      yield Array.from({ length: each }, (_, i) => ({
        externalId: `id-${i}`,
        variables: { artist_name: `Artist ${n} ${i}` },
      }));
    }
    const spec = {
      ...{ digest: `bench-${n}`, kind: KIND, account: TEXTS, model: 'gpt-4.1-mini' },
      prompt: 'Write a biography of {{artist_name}}.',
      options: { maxOutputTokens: 300, maxConcurrency: null },
      ...{ inputName: 'artists.csv', priority: 'background' as const },
    };
    const { batch } = await createBatch(db, spec, items());
    await client.workflow.start('batch', {
      workflowId: batchWorkflowId(KIND, TEXTS, batch.id),
      taskQueue: settings.temporal.taskQueue,
      args: [{ batchId: batch.id }],
    });
  }
  await until('all batches have begun', async () => {
    const { rows } = await db.query<{ begun: number }>(
      `select count(distinct batch_id)::int as begun from batch_items where state <> 'pending'`,
    );
    return rows[0]?.begun === batches;
  });
  progress(`${batches} batches of ${each} items began within ${Math.round(performance.now() - began)} ms`);
}

/** @returns from the wish of each to its arrival at the vendor, ms. */
async function sendCommands(rig: Rig, code: string, count: number): Promise<number[]> {
  const wished = new Map<string, number>();
  const running: Promise<unknown>[] = [];
  for (let n = 0; n < count; n++) {
    await delay(200 + Math.random() * 1_300);
    const params = [String(n)];
    wished.set(String(n), Date.now());
    running.push(sendCommand(rig, code, params));
  }
  await Promise.all(running);
  const seen = (await (await fetch(`${rig.fleetUrl}/_sim/commands?code=${code}`)).json()) as {
    commands: { params: string[]; at: number }[];
  };
  const waits = seen.commands.map(({ params, at }) => at - (wished.get(params[0] ?? '') ?? Number.NaN));
  if (waits.length !== count) throw new Error(`${waits.length} of ${count} commands arrived`);
  return waits;
}

async function sendCommand(
  { db, client, settings, device }: Rig,
  code: string,
  params: string[],
): Promise<void> {
  const wanted = { account: FLEET, requestId: null, device, code, params, repeatable: false };
  const terms = { timeoutMs: PATIENCE_MS, waitForPool: false };
  const { command } = await createCommand(db, { ...wanted, ...terms, askedBy: 'a benchmark' });
  await client.workflow.execute('command', {
    workflowId: commandWorkflowId(FLEET, command.id),
    taskQueue: settings.temporal.taskQueue,
    args: [{ commandId: command.id, account: FLEET, device, code, repeatable: false, ...terms }],
  });
}

/** Signals to the pool's workflow alone: what the command line writes to Postgres by itself is left out. */
async function orderPool({ db, client }: Rig): Promise<number[]> {
  const pool = `openai/${TEXTS}`;
  const handle = client.workflow.getHandle(poolWorkflowId(pool));
  const took: number[] = [];
  for (let n = 0; n < ORDERS; n++) {
    for (const order of ['pause', 'resume'] as const) {
      const began = performance.now();
      if (order === 'pause') await handle.signal(pauseSignal, { reason: `bench ${n}` });
      else await handle.signal(resumeSignal);
      await until(`the pool's ${order}`, async () => {
        const state = (await readPool(db, pool))?.state.state;
        return (state === 'held') === (order === 'pause');
      });
      took.push(performance.now() - began);
      // A pause soon after a resume finds the pool amid waking everybody.
      await delay(order === 'pause' ? 1_500 + Math.random() * 1_500 : Math.random() * 1_500);
    }
  }
  return took;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const over = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > over) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`);
    await delay(10);
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function summaryOf(values: readonly number[]) {
  const [p50, p95, max] = [0.5, 0.95, 1].map((q) => Math.round(quantile(values, q)));
  return { count: values.length, p50, p95, max };
}

function wordsOf(values: readonly number[]): string {
  const { count, p50, p95, max } = summaryOf(values);
  return `${count}, p50 ${p50} ms, p95 ${p95} ms, at most ${max} ms`;
}

run(() => withServers('bulkheads', measure));
