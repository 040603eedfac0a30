/**
 * A day of 50 calls: how much of it polling uses, whether anything is refused, whether what is kept for people is left
 * alone, and what ten kills of the worker cost.
 *
 *     npm run bench:polling-day [-- seconds] [kills] [--json]        (default 260 10)
 *
 * The day is a rolling window of so many seconds, at the simulated CarData and here. Polling wishes more than the day has;
 * people take the calls that are kept for them at its end. Every other kill comes while a call is under way. Runs its own
 * servers, simulators and worker, like the demo.
 *
 * Fails when less than 98 % of the calls that polling and people may have are used, when the vendor refuses one, when
 * polling takes one of the people's, or when more calls are lost or made twice than kills can have cut short.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { contextWith } from '../client/operations/backend/context';
import { openBackend } from '../client/operations/backend/open-backend';
import { workerPolls } from '../client/operations/datasets/work';
import { CARDATA } from '../client/operations/demo/bmw';
import { logInToCarData } from '../client/operations/demo/bmw-work';
import { startSimulated } from '../client/operations/demo/simulated';
import { startPolling } from '../client/operations/polling/runs';
import { findProcess } from '../client/operations/processes/servers';
import { listVehicles, readVehicle } from '../client/operations/vehicles/vehicles';
import { stateDir } from '../embedded/state-dir';
import { loadSettings } from '../settings';
import { findAccount } from '../settings/accounts/accounts';
import { listLimits } from '../store/permits/permits';
import { API_OPERATIONS, DAY_LIMIT } from '../vendors/bmw-cardata/limits';
import type { CallSeen } from '../vendors/kit/judge/discoveries';
import { givenNumbers, JSON_WANTED, progress, run } from './command-line';

const [seconds = 260, kills = 10] = givenNumbers();
const CALLS = 50;
const RESERVE = 10;
const DAY_MS = seconds * 1000;
/** The last part of the day belongs to people, ms. */
const PEOPLE_MS = 25_000;
/** Longer than polling takes from one call to the next, ms. */
const ARRIVAL_MS = 3_000;
const ALLOWED_SHARE = 0.98;
/** What the day counts. The login, and the page that a person follows its link to, are none of it. */
const COUNTED: ReadonlySet<string> = new Set(Object.values(API_OPERATIONS));

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-bench-day-'));
  const outer = contextWith(loadSettings({ cwd: folder, env: {} }), stateDir(folder, {}), () => undefined);
  const demo = await startSimulated(outer, progress, {
    folder: 'day',
    scenarios: {
      [CARDATA.vendor]: {
        cars: 15,
        speed: 86_400_000 / DAY_MS,
        quota: { callsPerDay: CALLS, window: 'rolling', dayMs: DAY_MS },
        login: { intervalSeconds: 1 },
        latencyMs: { min: 100, max: 200 },
      },
    },
    secrets: {},
    settings: (urls) => ({
      temporal: { taskQueue: 'sluice-bench-day', encryptPayloads: false },
      accounts: {
        [CARDATA.account]: {
          vendor: CARDATA.vendor,
          baseUrl: urls[CARDATA.vendor],
          loginUrl: urls[CARDATA.vendor],
          clientId: 'sluice-bench',
          quotaWindow: 'rolling',
          interactiveCalls: RESERVE,
          polling: { telematics: { active: 1, plugged: 1, idle: 1 }, night: { factor: 1 } },
          limits: { 'calls-per-day': { ms: DAY_MS } },
        },
      },
    }),
  });
  const backend = openBackend(demo.context, { applicationName: 'sluice-bench', connections: 4 });
  const url = demo.urls[CARDATA.vendor] ?? '';
  const { dir } = demo.context;
  try {
    const { taskQueue } = demo.context.settings.temporal;
    const polls = () => backend.temporal((client) => workerPolls(client, taskQueue));
    while (!(await polls())) await delay(200);
    await logInToCarData(backend, url, progress, new AbortController().signal);
    const began = Date.now();
    await startPolling(backend, { account: CARDATA.account });
    // Its keeper waits longer with each death; here the kills are ours, and each is to cost what the work itself loses.
    await demo.worker.leave();
    let killed = 0;
    const everyMs = (DAY_MS - PEOPLE_MS - 10_000) / kills;
    while (Date.now() - began < DAY_MS - PEOPLE_MS) {
      await delay(
        Math.max(0, Math.min(began + (killed + 1) * everyMs, began + DAY_MS - PEOPLE_MS) - Date.now()),
      );
      if (killed >= kills) continue;
      // Left to chance, hardly one would come while a call is under way.
      if (killed % 2 === 0) await nextArrival(url);
      const worker = findProcess(dir, 'demo-worker');
      if (worker === null) throw new Error('there is no worker to kill');
      process.kill(worker.pid, 'SIGKILL');
      await demo.worker.launch();
      killed++;
      progress(
        `${((Date.now() - began) / 1000).toFixed(0)} s: worker killed (${killed}), ${(await arrivals(url)).length} calls so far`,
      );
    }
    const polled = await arrivals(url);
    progress(`polling made ${polled.length} calls; now people ask`);
    const [list] = await listVehicles(backend, { account: CARDATA.account, maxAge: '1h' });
    const vehicles = list?.vehicles.map((one) => one.vehicleId) ?? [];
    let stale = 0;
    for (let n = 0; n < RESERVE + 2 && Date.now() - began < DAY_MS; n++) {
      const vehicle = vehicles[n % vehicles.length];
      if (vehicle === undefined) break;
      const served = await readVehicle(backend, {
        account: CARDATA.account,
        vehicle,
        read: 'telematics',
        maxAge: '0',
        timeout: '1s',
      });
      if (served.stale !== null) stale++;
    }
    const all = (await arrivals(url)).filter((call) => call.t < began + DAY_MS);
    const refused = all.filter((call) => call.status === 403 || call.status === 429).length;
    const { poolKey } = findAccount(backend.settings, CARDATA.account);
    const limits = await backend.database((db) => listLimits(db, poolKey));
    const limit = limits.find(({ name }) => name === DAY_LIMIT);
    const result = {
      daySeconds: seconds,
      calls: CALLS,
      arrived: all.length,
      polled: polled.length,
      mayPoll: CALLS - RESERVE,
      people: all.length - polled.length,
      staleAtTheEnd: stale,
      usedPercent: Math.round((1000 * all.length) / CALLS) / 10,
      refused,
      kills: killed,
      permits: limit?.grantedCalls ?? 0,
      /** Permits whose call a kill kept from arriving. */
      lost: (limit?.grantedCalls ?? 0) - (await arrivals(url)).length,
      /** Calls of polling's that were made before: a kill came between the answer and its row. */
      repeated: polled.length - new Set(polled.map(questionOf)).size,
    };
    const wrong =
      all.length < ALLOWED_SHARE * CALLS ||
      refused > 0 ||
      polled.length > CALLS - RESERVE ||
      result.lost < 0 ||
      result.lost + result.repeated > killed;
    if (wrong) process.exitCode = 1;
    console.log(JSON_WANTED ? JSON.stringify(result) : result);
  } finally {
    await backend.close();
    await demo.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function arrivals(url: string): Promise<readonly CallSeen[]> {
  const calls = (await (await fetch(`${url}/_sim/calls`)).json()) as CallSeen[];
  return calls.filter(({ operation }) => COUNTED.has(operation));
}

/** Resolves while the next call is under way, or when none has come for a while. */
async function nextArrival(url: string): Promise<void> {
  const before = (await arrivals(url)).length;
  const until = Date.now() + ARRIVAL_MS;
  while (Date.now() < until && (await arrivals(url)).length === before) await delay(5);
}

/** Polling asks nothing twice in so short a day: it plans for a real one. */
function questionOf({ operation, requestDetail }: CallSeen): string {
  return JSON.stringify([operation, requestDetail]);
}

run(main);
