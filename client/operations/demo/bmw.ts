/** The parts of BMW's demo: both vendors simulated, with an account at each that shares the cars of one user. */
import { DAY_MS, SECOND_MS } from '../../../quota/durations';
import type { Context } from '../context';
import type { Say } from '../servers';
import { type SimulatedDemo, startSimulated } from './simulated';

export const CARDATA = { vendor: 'bmw-cardata', account: 'demo-cardata' } as const;
export const MYBMW = { vendor: 'bmw-mybmw', account: 'demo-mybmw' } as const;
/** Whom both simulators know. */
export const BMW_USER = { username: 'demo@example.com', password: 'demo', captcha: 'any' } as const;

const CALLS_A_DAY = 50;

/** @param dayMs how long the vendor's day of 50 calls lasts, ms. */
export function startBmwDemo(outer: Context, say: Say, dayMs: number): Promise<SimulatedDemo> {
  // While a day passes at the vendor, one passes for the cars.
  const cars = { cars: 3, speed: DAY_MS / dayMs, latencyMs: { min: 20, max: 120 } };
  return startSimulated(outer, say, {
    folder: 'demo-bmw',
    scenarios: {
      [CARDATA.vendor]: {
        ...cars,
        quota: { callsPerDay: CALLS_A_DAY, window: 'rolling', dayMs },
        login: { intervalSeconds: 1 },
        tokens: { lifetimeSeconds: 40 },
      },
      [MYBMW.vendor]: { ...cars, cars: 5, commands: { slowShare: 0 } },
    },
    secrets: {},
    settings: (urls) => ({
      temporal: { taskQueue: 'sluice-demo-bmw', encryptPayloads: false },
      log: { level: 'info' },
      accounts: {
        [CARDATA.account]: {
          vendor: CARDATA.vendor,
          baseUrl: urls[CARDATA.vendor],
          loginUrl: urls[CARDATA.vendor],
          clientId: 'sluice-demo',
          quotaWindow: 'rolling',
          limits: { 'calls-per-day': { count: CALLS_A_DAY, ms: dayMs, slackMs: SECOND_MS } },
        },
        [MYBMW.account]: { vendor: MYBMW.vendor, baseUrl: urls[MYBMW.vendor] },
      },
    }),
  });
}
