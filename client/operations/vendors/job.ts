/**
 * The part of the conformance suite that calls a simulated vendor as Sluice does: with permits, verdicts and pools, over a
 * database of its own. Every call that the account's parts can make is made again and again under limits so small that
 * most calls wait; and a quota in the middle stops all callers until its time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { CallFailed, PermitWait, PoolClosed } from '../../../activities/gateway/call-errors';
import { sendForText } from '../../../activities/gateway/http/http';
import { parseSettings, type Settings } from '../../../settings';
import { findAccount } from '../../../settings/accounts/accounts';
import { type Check, check, skipped } from '../../../vendors/conformance/check';
import { type StartedSimulator, startSimulator } from '../../../vendors/conformance/start';
import { type SampleCall, Wire } from '../../../vendors/conformance/wire';
import type { RunningSimulator } from '../../../vendors/kit/server/server';
import type { Vendor } from '../../../vendors/registry';
import { messageOf } from '../errors';
import { type OwnGateway, withOwnGateway } from '../gateway/own-gateway';
import { quickLimits, withoutLimits } from './quick-limits';

const ACCOUNT = 'conformance';
/** How often each call is made. */
const TIMES = 4;
/** How long the vendor refuses everything, ms. */
const QUOTA_MS = 1500;
/** Longest time for the whole job, and for a pool to open again after its quota, ms. */
const PATIENCE_MS = 60_000;

const JOB = 'a job of every call that the account offers runs to its end with nothing refused';
const QUOTA = 'a quota stops every caller until its time, and for no longer than a probe takes';

/** @param module the plugin that the vendor comes from; null for one of this repository. */
export async function jobChecks(
  db: Pool,
  vendor: Vendor,
  module: string | null,
  baseDir: string,
): Promise<Check[]> {
  if (vendor.simulator === null || vendor.example === null) {
    return [JOB, QUOTA].map((name) => skipped(name, 'it takes a simulator and an example'));
  }
  let started: StartedSimulator;
  try {
    started = await startSimulator(vendor);
  } catch (error) {
    return [check(JOB, [messageOf(error)])];
  }
  const { simulator, running } = started;
  try {
    const account = {
      vendor: vendor.id,
      ...vendor.example.settings,
      ...simulator.settings(running),
      limits: quickLimits(vendor, running),
      pool: { cooldownMinutes: QUOTA_MS / 60_000 },
    };
    const text = JSON.stringify({
      ...(module === null ? {} : { plugins: [module] }),
      accounts: { [ACCOUNT]: account },
    });
    const settings = parseSettings(text, { file: null, baseDir, env: vendor.example.secrets });
    return await withOwnGateway(db, settings, (one) =>
      withOwnGateway(db, settings, (other) => run({ db, vendor, settings, running, callers: [one, other] })),
    );
  } catch (error) {
    return [check(JOB, [messageOf(error)])];
  } finally {
    await running.close();
  }
}

interface Bench {
  readonly db: Pool;
  readonly vendor: Vendor;
  readonly settings: Settings;
  readonly running: RunningSimulator;
  /** As many as there might be processes. */
  readonly callers: readonly OwnGateway[];
}

async function run(bench: Bench): Promise<Check[]> {
  const { vendor, settings, running } = bench;
  const { parts } = findAccount(settings, ACCOUNT);
  const wire = new Wire(vendor, parts);
  withoutLimits(running);
  const token = await wire.token();
  const login = parts.login?.operation;
  const samples: SampleCall[] = [];
  // Without permits, and so alone: what the vendor accepts is what the job is made of.
  for (const sample of await wire.samples(token, Date.now())) {
    const response = await wire.send(sample.request);
    if (response.status < 300 && sample.operation !== login) samples.push(sample);
  }
  if (samples.length === 0) return [JOB, QUOTA].map((name) => skipped(name, 'no call is accepted'));
  quickLimits(vendor, running);
  running.control({ resetLimits: true, resetLog: true });
  const work = Array.from({ length: TIMES }, () => samples).flat();
  const ended = await Promise.allSettled(
    work.map((sample, i) => callUntilServed(bench, i, sample, token, Date.now() + PATIENCE_MS)),
  );
  const refused = running.log.list({}).filter(({ refusedBy }) => refusedBy !== undefined);
  const job = check(JOB, [
    ...new Set(ended.flatMap((end) => (end.status === 'rejected' ? [messageOf(end.reason)] : []))),
    ...new Set(refused.map(({ operation, refusedBy }) => `${operation} was refused by ${refusedBy}`)),
    ...(running.log.list({}).length === work.length
      ? []
      : [`${work.length} calls were made, and ${running.log.list({}).length} arrived`]),
  ]);
  const sample = samples.find(({ operation }) => !vendor.rules.unmetered?.includes(operation));
  return sample === undefined ? [job] : [job, check(QUOTA, await quotaProblems(bench, sample, token))];
}

async function quotaProblems(bench: Bench, sample: SampleCall, token: string): Promise<string[]> {
  const { running } = bench;
  running.control({ quota: { forMs: QUOTA_MS, waitMs: QUOTA_MS }, resetLimits: true, resetLog: true });
  const endsAt = Date.now() + QUOTA_MS;
  const first = await outcome(() => callUntilServed(bench, 0, sample, token, Date.now() + PATIENCE_MS));
  const until = stopsUntil(await outcome(() => callOnce(bench, 0, sample, token)));
  if (!(first instanceof PoolClosed || first instanceof CallFailed) || until === null) {
    return ['the vendor refused for a quota, and the next call is let out'];
  }
  // Of a wait that is rounded, or whose length nobody knows, most is left.
  if (until < endsAt - QUOTA_MS / 2) {
    const early = Math.round(endsAt - until);
    return [
      `the quota lasts ${QUOTA_MS} ms, and calls are let out ${early} ms before its end: the rules state too short a wait`,
    ];
  }
  const problems: string[] = [];
  const met = running.log.list({}).length;
  // Every caller asks again and again until just before the time.
  const early = bench.callers.map(async (_, i) => {
    while (Date.now() < until - 200) {
      const result = await outcome(() => callOnce(bench, i, sample, token));
      if (stopsUntil(result) === null) problems.push('a call was let out during the quota');
      await delay(50);
    }
  });
  await Promise.all(early);
  const during = running.log.list({}).filter(({ t }) => t < until - 200).length;
  if (during > met) problems.push(`${during - met} calls arrived during the quota`);
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const result = await outcome(() => callOnce(bench, 0, sample, token));
    if (!(result instanceof Error)) return problems;
    if (Date.now() > deadline) return [...problems, `nothing is let out again: ${result.message}`];
    await delay(100);
  }
}

/** Until when there is no leave to call: by the pool, or by the limit that the vendor named. Null when there is. */
function stopsUntil(result: unknown): number | null {
  return result instanceof PoolClosed || result instanceof PermitWait ? result.details.until : null;
}

/** What a call ends with: its error, or undefined. */
async function outcome(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Waits for leave as a workflow would. @throws when the pool closes, the vendor refuses, or patience ends. */
async function callUntilServed(
  bench: Bench,
  i: number,
  sample: SampleCall,
  token: string,
  deadline: number,
): Promise<void> {
  for (;;) {
    try {
      return await callOnce(bench, i, sample, token);
    } catch (error) {
      if (!(error instanceof PermitWait) || Date.now() > deadline) throw error;
      await delay(Math.max(20, error.details.until - Date.now()));
    }
  }
}

async function callOnce(
  { callers, settings }: Bench,
  i: number,
  { operation, request, attributes, tokens }: SampleCall,
  token: string,
): Promise<void> {
  const { gateway, dispatcher } = callers[i % callers.length] as OwnGateway;
  const { connectTimeoutMs, timeoutMs } = settings.http;
  await gateway.call({
    ...{ account: findAccount(settings, ACCOUNT), operation, attributes, priority: 'interactive' },
    ...{ caller: ACCOUNT, auth: null, attempt: 1, inlineWaitMs: 0, secrets: [token] },
    ...(tokens === undefined ? {} : { tokens }),
    send: (_, signal, pass) =>
      sendForText(request, { dispatcher, timeoutMs: connectTimeoutMs + timeoutMs, signal, pass }),
  });
}
