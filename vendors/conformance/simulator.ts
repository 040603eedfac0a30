/**
 * The part of the conformance suite that calls the vendor's simulator over the wire, without permits: it refuses beyond each
 * of its limits, it judges when a call arrives, and the vendor's rules know its refusals for what they are.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { HOUR_MS } from '../../quota/durations';
import { capacityOf } from '../../quota/limits/limit';
import type { Verdict } from '../../quota/verdict';
import type { VendorResponse } from '../contract';
import type { AccountParts, Vendor } from '../define';
import type { VendorLimit } from '../kit/judge/limit-book';
import type { RunningSimulator } from '../kit/server/server';
import { type Check, check, skipped } from './check';
import { exampleAccount } from './definition';
import { limitProblem } from './rules';
import { startSimulator } from './start';
import { type SampleCall, Wire } from './wire';

/** Calls that a limit lets through while it is tried, and calls beyond it. */
const ADMITTED = 3;
const BEYOND = 3;
/** Answers are this late: what is refused before the first one is refused at arrival. */
const LATENCY_MS = 600;
/** The share of a wait that its rounding to other units leaves. */
const WHOLE = 0.9;
/** No window that is tried ends by itself. */
const NEVER_MS = HOUR_MS;

export const ANSWERS = 'the simulator answers every call that is built without knowing the vendor';
const WAITS = 'a wait that the vendor states is taken for as long as it is';

export async function simulatorChecks(vendor: Vendor): Promise<Check[]> {
  if (vendor.simulator === null || vendor.example === null) {
    return [skipped(ANSWERS, `the vendor gives no ${vendor.simulator === null ? 'simulator' : 'example'}`)];
  }
  const { simulator, running } = await startSimulator(vendor);
  try {
    const account = exampleAccount(vendor, simulator.settings(running));
    if ('problems' in account) return [check(ANSWERS, account.problems)];
    // What the calls are built from is asked for first.
    relax(running, null);
    const parts = vendor.parts(account.settings);
    const wire = new Wire(vendor, parts);
    let samples: SampleCall[];
    try {
      samples = await wire.samples(await wire.token(), Date.now());
    } catch (error) {
      return [check(ANSWERS, [error instanceof Error ? error.message : String(error)])];
    }
    const bench = { vendor, parts, running, wire, samples };
    const checks: Check[] = [check(ANSWERS, await unanswered(bench)), await waitCheck(bench)];
    for (const name of running.limits.names()) checks.push(await limitCheck(bench, name));
    return checks;
  } finally {
    await running.close();
  }
}

interface Bench {
  readonly vendor: Vendor;
  readonly parts: AccountParts;
  readonly running: RunningSimulator;
  readonly wire: Wire;
  readonly samples: readonly SampleCall[];
}

/** Verdicts of calls that no limit refused, and that ask for what there is. */
const ANSWERED: ReadonlySet<string> = new Set(['ok', 'pending']);
/** And of those that ask for what there need not be. */
const REACHED: ReadonlySet<string> = new Set([...ANSWERED, 'gone', 'invalid']);
/** Verdicts of a limit that is reached. */
const REFUSED: ReadonlySet<string> = new Set(['rate', 'quota']);

async function unanswered({ running, samples, ...bench }: Bench): Promise<string[]> {
  relax(running, null);
  const problems: string[] = [];
  for (const sample of samples) {
    const { verdict, response } = await judgedCall(bench, sample);
    const kind = kindOf(verdict);
    const { pathname } = new URL(sample.request.url);
    const asked = `${sample.operation} (${sample.request.method} ${pathname})`;
    if (!(sample.mayBeMissing ? REACHED : ANSWERED).has(kind)) {
      problems.push(`${asked}: the verdict of its ${response.status} is ${kind}`);
    } else if (kind === 'ok') {
      const unusable = sample.problem?.(response.body) ?? null;
      if (unusable !== null) problems.push(`${asked}: its answer cannot be used: ${unusable}`);
    }
  }
  return problems;
}

/** During a quota of an hour: one that is taken for shorter is met again and again. */
async function waitCheck({ vendor, running, samples, ...bench }: Bench): Promise<Check> {
  const sample = samples.find(
    ({ operation }) =>
      operation !== bench.parts.login?.operation && !vendor.rules.unmetered?.includes(operation),
  );
  if (sample === undefined) return skipped(WAITS, "the account's parts make no call by themselves");
  relax(running, null);
  running.control({ quota: { operation: sample.operation, forMs: NEVER_MS, waitMs: NEVER_MS } });
  const { verdict } = await judgedCall({ vendor, ...bench }, sample);
  running.control({ clearFaults: true });
  if (typeof verdict === 'string' || !REFUSED.has(verdict.kind)) {
    return check(WAITS, [`${sample.operation}, refused for a quota: the verdict is ${kindOf(verdict)}`]);
  }
  const waitMs = 'statedWaitMs' in verdict ? verdict.statedWaitMs : null;
  const isWhole = waitMs === null || waitMs >= WHOLE * NEVER_MS;
  const said = `${sample.operation}: during a quota of ${NEVER_MS} ms, the rules state a wait of ${waitMs} ms`;
  const strange = limitProblem(bench.parts.rules ?? vendor.rules, verdict);
  return check(WAITS, [
    ...(isWhole ? [] : [`${said}; where the vendor names none, it must be null`]),
    ...(strange === null ? [] : [`${sample.operation}, refused for a quota: ${strange}`]),
  ]);
}

async function limitCheck(bench: Bench, name: string): Promise<Check> {
  const { running, samples } = bench;
  const title = `the simulator refuses beyond ${name}, at arrival`;
  const limit = running.limits.limit(name);
  const sample = samples.find(({ operation }) => limit && isChargedTo(limit, operation));
  if (limit === undefined || sample === undefined) {
    const whose = limit?.operations === '*' ? 'any operation' : (limit?.operations.join(', ') ?? 'it');
    return skipped(title, `the account's parts make no call of ${whose} by themselves`);
  }
  const admitted = await tighten(bench, limit, sample);
  if (admitted === null) {
    const why = `a call of ${sample.operation} is not charged to it`;
    return limit.unit === undefined || limit.unit === 'calls' ? check(title, [why]) : skipped(title, why);
  }
  const [first] = running.log.list({}).slice(-1);
  const since = first?.t ?? 0;
  running.control({ addFaults: [{ id: 'conformance', kind: 'latency', latencyMs: LATENCY_MS }] });
  const verdicts = await Promise.all(
    Array.from({ length: admitted + BEYOND }, () => verdictOf(bench, sample)),
  );
  running.control({ clearFaults: ['conformance'] });
  return check(title, judged(running, since, name, admitted, verdicts));
}

/** What is wrong with what arrived since `since`, and what the rules say of it. */
function judged(
  running: RunningSimulator,
  since: number,
  name: string,
  admitted: number,
  verdicts: readonly string[],
): string[] {
  const arrivals = running.log.list({ since });
  const refused = arrivals.filter(({ refusedBy }) => refusedBy !== undefined);
  const [first] = arrivals;
  const late = refused.filter(({ t }) => first !== undefined && t - first.t >= LATENCY_MS);
  const recognised = verdicts.filter((kind) => REFUSED.has(kind)).length;
  return [
    ...(refused.length === BEYOND
      ? []
      : [
          `${admitted} of ${arrivals.length} calls fit, and ${refused.length} were refused instead of ${BEYOND}`,
        ]),
    ...refused
      .filter(({ refusedBy }) => refusedBy !== name)
      .map(({ refusedBy }) => `a call was refused by ${refusedBy} instead`),
    // All came before the first was answered; a late one was held up on the way, and says nothing.
    ...(late.length === refused.length && late.length > 0 ? ['it refused only after it had answered'] : []),
    ...(recognised === refused.length
      ? []
      : [
          `of ${refused.length} refusals, the rules take ${recognised} for one (verdicts: ${verdicts.join(', ')})`,
        ]),
  ];
}

/** Leaves one limit, small and just begun. @returns how many of the calls fit into it; null when they are not charged. */
async function tighten(
  bench: Bench,
  { name, window }: VendorLimit,
  sample: SampleCall,
): Promise<number | null> {
  const { running } = bench;
  relax(running, name);
  // What a call costs is measured: a limit may count tokens, and calls with what they ask for.
  await verdictOf(bench, sample);
  const cost = running.limits.report(Date.now()).find(({ limit }) => limit === name)?.worst ?? 0;
  if (cost === 0) return null;
  const room = ADMITTED * cost + cost / 2;
  const sizes = {
    // A minute's worth at once: some vendors announce what comes back in a minute as the whole.
    'token-bucket': { ratePerSecond: room / 60, burst: room },
    spacing: { ms: NEVER_MS },
    rolling: { count: room, ms: NEVER_MS },
    calendar: { count: room },
    'vendor-reset': { count: room },
  };
  running.control({ limits: { [name]: { ...sizes[window.kind], enforced: true } }, resetLimits: true });
  if (window.kind === 'calendar' || window.kind === 'vendor-reset') {
    running.control({ nextReset: { limit: name, inMs: NEVER_MS } });
  }
  return Math.floor(capacityOf({ ...window, ...sizes[window.kind] } as VendorLimit['window']) / cost);
}

/** No limit refuses, but the one that is tried. */
function relax(running: RunningSimulator, but: string | null): void {
  const names = running.limits.names().filter((name) => name !== but);
  running.control({
    limits: Object.fromEntries(names.map((name) => [name, { enforced: false }])),
    resetLimits: true,
  });
}

const isChargedTo = ({ operations }: VendorLimit, operation: string) =>
  operations === '*' || operations.includes(operation);

const verdictOf = async (bench: Caller, sample: SampleCall): Promise<string> =>
  kindOf((await judgedCall(bench, sample)).verdict);

const kindOf = (verdict: Verdict | string) => (typeof verdict === 'string' ? verdict : String(verdict?.kind));

type Caller = Pick<Bench, 'vendor' | 'parts' | 'wire'>;

/** The verdict, or in words why there is none. */
async function judgedCall(
  { vendor, parts, wire }: Caller,
  { operation, request }: SampleCall,
): Promise<{ readonly verdict: Verdict | string; readonly response: VendorResponse }> {
  const { id } = vendor;
  const call = {
    vendor: id,
    account: 'conformance',
    operation,
    attributes: { vendor: id, account: 'conformance' },
  };
  const response = await wire.send(request);
  // Connections are kept: one call at a time may be on each, and none waits for another.
  await delay(0);
  try {
    const rules = parts.rules ?? vendor.rules;
    return { verdict: rules.classify(call, { kind: 'response', response }, Date.now()), response };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { verdict: `none: classify throws ${why}`, response };
  }
}
