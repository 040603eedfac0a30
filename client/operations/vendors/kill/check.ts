/**
 * The part of the conformance suite that kills: work of every kind that the account offers is begun, its processes get
 * SIGKILL while calls are in flight, others go on, and the simulator's own record of arrivals says whether anything was
 * lost or done again. The vendors of a run are tried together, for they share the processes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Check, check, skipped } from '../../../../vendors/conformance/check';
import { messageOf } from '../../errors';
import { isTemporalMissing, type TestServers } from '../servers';
import type { Subject } from '../subject';
import { endAttempts, endLeases } from './hasten';
import { begin, type Setup, type Tried } from './setup';

const TITLE = 'a kill in the middle neither loses nor repeats';
/** Longest time until the middle is reached, and from the kill to the end, ms. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 50;
const HOLD = 'conformance-hold';
/** Longer than any patience. */
const HELD_MS = 600_000;

/** @returns what there is to say of each vendor, by its id. */
export async function killChecks(
  servers: TestServers,
  subjects: readonly Subject[],
  baseDir: string,
): Promise<ReadonlyMap<string, readonly Check[]>> {
  const simulated = subjects.filter(({ vendor }) => vendor.simulator !== null && vendor.example !== null);
  const temporal = await servers.temporal().catch((error: unknown) => {
    if (isTemporalMissing(error)) return null;
    throw error;
  });
  const setup = await begin(servers, temporal, simulated, baseDir);
  try {
    const problems = await problemsOf(setup);
    return new Map(
      subjects.map(({ vendor: { id } }) => [id, checksOf(id, setup, problems, temporal !== null)]),
    );
  } finally {
    await setup.close();
  }
}

function checksOf(
  vendor: string,
  { tried, failed, untried }: Setup,
  problems: ReadonlyMap<Tried, readonly string[]>,
  hasTemporal: boolean,
): Check[] {
  const failures = failed.filter(([id]) => id === vendor).map(([, problem]) => problem);
  if (failures.length > 0) return [check(TITLE, failures)];
  const own = tried.filter(({ bench }) => bench.vendor.id === vendor);
  const left = untried
    .filter(([id]) => id === vendor)
    .map(([, what, why]) => skipped(`${TITLE}: ${what}`, why));
  if (own.length + left.length > 0) {
    return [...own.map((one) => check(`${TITLE}: ${one.work.name}`, problems.get(one) ?? [])), ...left];
  }
  const why = hasTemporal
    ? 'the account offers no work that takes several calls, or there is no simulator or example'
    : 'no Temporal is on this machine (starting the servers fetches one), or the account offers no work of several calls';
  return [skipped(TITLE, why)];
}

/** Begins all work, kills in its middle, goes on, and judges. */
async function problemsOf(setup: Setup): Promise<ReadonlyMap<Tried, readonly string[]>> {
  const { tried, backend, db, settings } = setup;
  const victims = [setup.worker, setup.reader].filter((one) => one !== null);
  const deaths = () => victims.map((one) => one.problem()).filter((one) => one !== null);
  const problems = new Map(tried.map((one): [Tried, string[]] => [one, []]));
  for (const one of tried) hold(one);
  for (const one of victims) one.start();
  await Promise.all(
    tried.map(async (one) => {
      problems.get(one)?.push(...(await reachMiddle(one, deaths).catch((error) => [messageOf(error)])));
    }),
  );
  await Promise.all(victims.map((one) => one.kill()));
  const atKill = new Map(
    await Promise.all(tried.map(async (one): Promise<[Tried, number]> => [one, await inFlight(one)])),
  );
  for (const { bench } of tried) release(bench);
  await endLeases(db);
  if (setup.worker !== null)
    await backend.temporal((client) => endAttempts(client, settings.temporal.taskQueue));
  for (const one of victims) one.start();
  await Promise.all(
    tried.map(async (one) => {
      const found = problems.get(one) ?? [];
      if (found.length > 0) return;
      const { wanted, done } = one.work;
      await until(
        async () => (await done()) >= wanted,
        () => deaths().length > 0,
      );
      found.push(...judged(one, await done(), atKill.get(one) ?? 0), ...deaths());
    }),
  );
  return problems;
}

/** @returns whether it has come to be so. */
async function until(isSo: () => Promise<boolean>, orElse: () => boolean): Promise<boolean> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    if (await isSo()) return true;
    if (orElse() || Date.now() > end) return false;
    await delay(LOOK_MS);
  }
}

/** From here on the vendor has its record of this work alone, and soon keeps its answers to itself. */
function hold({ bench, work }: Tried): void {
  const { operation, skip } = work.hold;
  const id = `${HOLD}-${operation}`;
  bench.running.control({
    resetLimits: true,
    resetLog: true,
    addFaults: [{ id, kind: 'latency', operation, skip, latencyMs: HELD_MS }],
  });
}

function release({ running }: Tried['bench']): void {
  const held = running.faults.list().filter(({ id }) => id.startsWith(HOLD));
  running.control({ clearFaults: held.map(({ id }) => id), resetLimits: true });
}

/** @returns why it is not in its middle. */
async function reachMiddle(one: Tried, deaths: () => readonly string[]): Promise<string[]> {
  const { work } = one;
  await work.start?.();
  if (
    await until(
      () => isInTheMiddle(one),
      () => deaths().length > 0,
    )
  )
    return [];
  const { wanted, pieces } = work;
  const arrived = arrivals(one).map(({ status, fault }) =>
    fault === undefined ? status : `${status} ${fault}`,
  );
  const stands = `${arrived.length} calls have arrived (${arrived.join(', ')}), and ${await work.done()} of ${wanted} ${pieces} are done`;
  return [['it does not get to its middle', stands, ...deaths()].join('; ')];
}

/** What has arrived of the work's calls, oldest first. */
function arrivals({ bench, work }: Tried) {
  return bench.running.log.list({}).filter(({ operation }) => work.operations.includes(operation));
}

/** Some of it is done for good unless its first call is held, some is with the vendor, and nothing is on its way to the database. */
async function isInTheMiddle(one: Tried): Promise<boolean> {
  const arrived = arrivals(one);
  const held = arrived.filter(({ fault }) => fault === 'latency').length;
  const done = await one.work.done();
  const isBegun = done > 0 || one.work.hold.skip === 0;
  return held > 0 && isBegun && (await answered(one)) === arrived.length - held;
}

async function inFlight(one: Tried): Promise<number> {
  return arrivals(one).length - (await answered(one));
}

const answered = async ({ work }: Tried) => (work.answered ? work.answered() : work.done());

/** @param lost calls that were in flight at the kill. */
function judged(one: Tried, done: number, lost: number): string[] {
  const { wanted, pieces, calls: needed = wanted, once, operations } = one.work;
  const arrived = arrivals(one);
  const refused = new Set(arrived.flatMap(({ refusedBy }) => refusedBy ?? []));
  const most = needed + (once ? 0 : lost);
  const paged =
    needed === wanted ? '' : needed > wanted ? ` of ${needed} pages` : `, which ${needed} can answer`;
  const calls = `${arrived.length} calls of ${operations.join(', ')} arrived for ${wanted} ${pieces}${paged}`;
  const rule = once ? 'none may be asked for twice' : `only ${lost} were in flight at the kill`;
  return [
    ...(done >= wanted ? [] : [`${wanted - done} of ${wanted} ${pieces} are lost: nobody goes on with them`]),
    ...(arrived.length >= needed ? [] : [`${calls}: some are done that the vendor was never asked for`]),
    ...(arrived.length <= most ? [] : [`${calls}, though ${rule}`]),
    ...[...refused].map((limit) => `a call was refused by ${limit}`),
  ];
}
