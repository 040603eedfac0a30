/**
 * Positions, trips, history, logins, end users and commands all at work, and any process may die of kill -9 at any
 * moment, in an order that the seed gives. Twenty-five seconds here, longer where too little has happened by then;
 * SLUICE_LONG=1 makes it two and a half minutes, SLUICE_CHAOS_MS any other time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { listCommands } from '../../store/commands/commands';
import { coverageByDevice } from '../../store/fleet/ledger';
import type { LimitReport } from '../../vendors/kit/judge/limit-book';
import { pickBetween } from '../../vendors/kit/random';
import type { fleetBackfill } from '../../workflows/fleet/fleet-backfill';
import { ChaosRig } from '../support/chaos/chaos-rig';
import {
  ACCOUNT,
  FleetDrivers,
  fleetVendor,
  pastSpan,
  storedPositions,
  storedTrips,
  truePositions,
  trueTrips,
} from '../support/chaos/fleet-chaos';
import { longOr } from '../support/run/long';

const SEED = Number(process.env.SLUICE_CHAOS_SEED ?? 20260314);
const CHAOS_MS = Number(process.env.SLUICE_CHAOS_MS ?? longOr(150_000, 25_000));
/** A look every 2.5 s, a few of them in vain, and the time a call takes: no position may be older than this. */
const POSITIONS_LAG_MS = 15_000;
const HISTORY_HOURS = 5;
/** What must have happened for a run to say anything; a busy machine gets the time for it. */
const ENOUGH = { liveTrips: 6, commands: 8, users: 6 } as const;
const LONGEST_MS = Math.max(2 * CHAOS_MS, CHAOS_MS + 120_000);

let rig: ChaosRig;

beforeAll(async () => {
  rig = await ChaosRig.assemble(fleetVendor(SEED));
});
afterAll(() => rig.close());

type Victim = 'one worker' | 'both workers' | 'postgres' | 'temporal' | 'everything';
const VICTIMS: readonly Victim[] = ['one worker', 'postgres', 'temporal', 'both workers', 'everything'];

/** Every victim once before any comes again, in the seed's order. */
function victimOf(round: number): Victim {
  const cycle = Math.floor(round / VICTIMS.length);
  const left = [...VICTIMS];
  for (let i = 0; ; i++) {
    const [chosen] = left.splice(pickBetween(0, left.length - 1, SEED, cycle, i, 'victim'), 1);
    if (chosen === undefined || i === round % VICTIMS.length) return chosen ?? 'one worker';
  }
}

async function killAndRestart(victim: Victim, downMs: number): Promise<void> {
  const { workers, postgres, temporal } = rig;
  const [first] = workers;
  const doomed = victim === 'one worker' ? workers.slice(0, 1) : workers;
  switch (victim) {
    case 'one worker':
    case 'both workers':
      await Promise.all(doomed.map((w) => w.kill()));
      await delay(downMs);
      await rig.startWorkers(doomed.length);
      return;
    case 'postgres':
      await postgres.kill();
      await delay(downMs);
      await postgres.start();
      return;
    case 'temporal':
      await temporal.kill();
      await delay(downMs);
      await temporal.start();
      return;
    case 'everything':
      expect(first).toBeDefined();
      await rig.killAll();
      await delay(downMs);
      await rig.startAll(2);
  }
}

/** Each device's newest stored position, where it is older than what the vendor knew so long ago. */
async function outdated(lagMs: number): Promise<string[]> {
  const asOf = Date.now() - lagMs;
  const [truth, stored] = [await truePositions(rig, asOf), await storedPositions(rig)];
  return [...truth].filter(([device, at]) => (stored.get(device) ?? 0) < at).map(([device]) => device);
}

/** How many trips end at different times depends on the hour that a run happens to start at. */
async function enoughHappened(driven: FleetDrivers['driven'], began: number): Promise<boolean> {
  const liveTrips = (await trueTrips(rig, began, Date.now())).length;
  return (
    liveTrips >= ENOUGH.liveTrips &&
    driven.commands >= ENOUGH.commands &&
    driven.usersAccepted >= ENOUGH.users
  );
}

test('no call above a limit, no old position, no trip lost or twice, no command sent twice', async () => {
  await rig.startWorkers(2);
  const drivers = new FleetDrivers(rig);
  const began = Date.now();
  const past = pastSpan(HISTORY_HOURS);
  const backfillId = await drivers.start(past);
  await rig.eventually('the fleet is known', async () => (await storedPositions(rig)).size > 0);

  const newest = new Map<string, number>();
  const wentBack: string[] = [];
  const watch = setInterval(() => {
    storedPositions(rig).then(
      (positions) => {
        for (const [device, at] of positions) {
          if (at < (newest.get(device) ?? 0)) wentBack.push(device);
          newest.set(device, Math.max(at, newest.get(device) ?? 0));
        }
      },
      () => undefined,
    );
  }, 500);
  let deaths = 0;
  for (; ; deaths++) {
    const lasted = Date.now() - began;
    if (lasted > LONGEST_MS || (lasted > CHAOS_MS && (await enoughHappened(drivers.driven, began)))) break;
    await delay(pickBetween(2000, 5000, SEED, deaths, 'life'));
    await killAndRestart(victimOf(deaths), pickBetween(300, 2000, SEED, deaths, 'down'));
  }
  const ended = Date.now();
  // Of after the last death: what was new then grows old while those who died are noticed.
  await rig.eventually(
    'positions are up to date again',
    async () => (await outdated(Date.now() - ended)).length === 0,
  );
  for (let i = 0; i < 5; i++) {
    await delay(1500);
    const late = await outdated(POSITIONS_LAG_MS);
    if (late.length > 0) throw new Error(`old positions of ${late.join(', ')}\n${await rig.standing()}`);
  }
  await drivers.stop();
  clearInterval(watch);
  expect(wentBack).toEqual([]);

  // Trips of half a day before, and all that were made meanwhile.
  const from = began - 12 * 3_600_000;
  await rig
    .eventually(
      'every trip is in as it was made',
      async () => {
        await drivers.press('trips');
        await delay(3000);
        const truth = await trueTrips(rig, from, ended);
        return JSON.stringify(await storedTrips(rig, from, ended)) === JSON.stringify(truth);
      },
      90_000,
      1000,
    )
    .catch(() => undefined);
  const truth = await trueTrips(rig, from, ended);
  const live = truth.filter((t) => t.end > began).length;
  expect(live).toBeGreaterThanOrEqual(ENOUGH.liveTrips);
  expect(await storedTrips(rig, from, ended)).toEqual(truth);

  const backfill = rig.client.workflow.getHandle<typeof fleetBackfill>(backfillId);
  const summary = await rig.eventually('the backfill ends', () => backfill.result(), 120_000, 500);
  expect(summary).toMatchObject({ failed: 0 });
  // What a page has brought in before it dies is in the ledger, and not among what the summary has counted.
  const devices = [...newest.keys()];
  const history = await coverageByDevice(rig.db, 'gps51/tracks', ACCOUNT, devices, past, Date.now());
  expect(history.flatMap((device) => device.gaps)).toEqual([]);
  // One window or several: those of a day that were answered oldest first have become one.
  expect(history.filter((device) => device.done < 1 || device.done > HISTORY_HOURS)).toEqual([]);

  const states = await expectCommandsOnce(drivers.driven.commands);
  expect(drivers.driven.usersAccepted).toBeGreaterThanOrEqual(ENOUGH.users);
  expect(drivers.driven.usersOtherwise.filter((kind) => kind === 'refused')).toEqual([]);
  await expectLimitsKept();
  const { usersAccepted } = drivers.driven;
  const done = {
    live,
    trips: truth.length,
    windows: history.length * HISTORY_HOURS,
    commands: states,
    usersAccepted,
  };
  console.log(`${deaths} deaths in ${Math.round((ended - began) / 1000)} s: ${JSON.stringify(done)}`);
}, 900_000);

/** Each was received at most once, and what we say of it agrees with that. */
async function expectCommandsOnce(atLeast: number): Promise<Record<string, number>> {
  expect(atLeast).toBeGreaterThanOrEqual(ENOUGH.commands);
  const commands = await rig.eventually('every command has ended', async () => {
    const all = await listCommands(rig.db, { account: ACCOUNT, limit: 1000 });
    const open = all.filter(
      (c) => ['sending', 'queued'].includes(c.state) || (c.state === 'created' && !c.overdue),
    );
    return open.length === 0 && all;
  });
  expect(commands.length).toBeGreaterThanOrEqual(atLeast);
  const page = await fetch(`${rig.simulatorUrl}/_sim/commands`);
  const { counts } = (await page.json()) as { counts: { params: string[]; count: number }[] };
  expect(counts.filter((c) => c.count > 1)).toEqual([]);
  const received = new Set(counts.map(({ params: [n] }) => `chaos-${n}`));
  const states = commands.map(({ requestId, state, resultName }) => ({
    state,
    resultName,
    wasReceived: received.has(requestId ?? ''),
  }));
  expect(states.filter((c) => c.state === 'succeeded' && !c.wasReceived)).toEqual([]);
  expect(states.filter((c) => c.state === 'created' && c.wasReceived)).toEqual([]);
  const counted: Record<string, number> = {};
  for (const { state } of states) counted[state] = (counted[state] ?? 0) + 1;
  expect(counted.succeeded).toBeGreaterThan(2);
  return counted;
}

async function expectLimitsKept(): Promise<void> {
  const page = await fetch(`${rig.simulatorUrl}/_sim/stats`);
  const { limits } = (await page.json()) as { limits: LimitReport[] };
  const judged = limits.filter((l) => l.limit !== 'device-action-per-day');
  expect(judged.length).toBeGreaterThan(4);
  expect(judged.filter((l) => l.violations > 0 || l.worst > l.allowed)).toEqual([]);
}
