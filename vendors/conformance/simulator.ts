/**
 * The part of the conformance suite that calls the vendor's simulator over the wire, without permits: it refuses beyond each
 * of its limits, it judges when a call arrives, and the vendor's rules know its refusals for what they are.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { HOUR_MS } from '../../quota/durations';
import { capacityOf } from '../../quota/limits/limit';
import type { AccountParts, Vendor } from '../define';
import type { VendorLimit } from '../kit/limit-book';
import type { RunningSimulator } from '../kit/server';
import { type Check, check, skipped } from './check';
import { exampleAccount } from './definition';
import { type SampleCall, Wire } from './wire';

/** Calls that a limit lets through while it is tried, and calls beyond it. */
const ADMITTED = 3;
const BEYOND = 3;
/** Answers are this late: what is refused before the first one is refused at arrival. */
const LATENCY_MS = 150;
/** No window that is tried ends by itself. */
const NEVER_MS = HOUR_MS;

export async function simulatorChecks(vendor: Vendor): Promise<Check[]> {
  const answers = 'the simulator answers every call that is built without knowing the vendor';
  if (vendor.simulator === null || vendor.example === null) {
    return [skipped(answers, `the vendor gives no ${vendor.simulator === null ? 'simulator' : 'example'}`)];
  }
  const simulator = await vendor.simulator();
  const running = await simulator.start({});
  try {
    const account = exampleAccount(vendor, simulator.settings(running));
    if ('problems' in account) return [check(answers, account.problems)];
    const parts = vendor.parts(account.settings);
    const wire = new Wire(vendor, parts);
    let samples: SampleCall[];
    try {
      samples = await wire.samples(await wire.token(), Date.now());
    } catch (error) {
      return [check(answers, [error instanceof Error ? error.message : String(error)])];
    }
    const bench = { vendor, parts, running, wire, samples };
    const checks: Check[] = [check(answers, await unanswered(bench))];
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

/** Verdicts of calls that no limit refused. */
const ANSWERED: ReadonlySet<string> = new Set(['ok', 'pending', 'gone', 'invalid']);
/** Verdicts of a limit that is reached. */
const REFUSED: ReadonlySet<string> = new Set(['rate', 'quota']);

async function unanswered({ running, samples, ...bench }: Bench): Promise<string[]> {
  relax(running, null);
  const problems: string[] = [];
  for (const sample of samples) {
    const verdict = await verdictOf(bench, sample);
    if (!ANSWERED.has(verdict)) problems.push(`${sample.operation}: the verdict is ${verdict}`);
  }
  return problems;
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

async function verdictOf(
  { vendor, parts, wire }: Pick<Bench, 'vendor' | 'parts' | 'wire'>,
  { operation, request }: SampleCall,
): Promise<string> {
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
    return (parts.rules ?? vendor.rules).classify(call, { kind: 'response', response }, Date.now()).kind;
  } catch (error) {
    return `none: classify throws ${error instanceof Error ? error.message : String(error)}`;
  }
}
