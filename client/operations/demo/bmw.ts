/** The parts of BMW's demo: both vendors simulated, with an account at each that shares the cars of one user. */
import { DAY_MS } from '../../../quota/durations';
import type { Context } from '../backend/context';
import type { Say } from '../processes/servers';
import { type SimulatedDemo, startSimulated } from './simulated';

export const CARDATA = { vendor: 'bmw-cardata', account: 'demo-cardata' } as const;
export const MYBMW = { vendor: 'bmw-mybmw', account: 'demo-mybmw' } as const;
/** Whom both simulators know. */
export const BMW_USER = { username: 'demo@example.com', password: 'demo', captcha: 'any' } as const;

const CALLS_A_DAY = 50;

/**
 * The vendor's day of 50 calls lasts until the hour ends.
 * @param forMs how long the demo lasts, ms: a day of the cars.
 */
export function startBmwDemo(outer: Context, say: Say, forMs: number): Promise<SimulatedDemo> {
  const cars = { cars: 3, speed: DAY_MS / forMs, latencyMs: { min: 20, max: 120 } };
  return startSimulated(outer, say, {
    folder: 'demo-bmw',
    scenarios: {
      [CARDATA.vendor]: {
        ...cars,
        quota: { callsPerDay: CALLS_A_DAY, day: 'hour' },
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
          limits: { 'calls-per-day': { count: CALLS_A_DAY, per: 'hour' } },
        },
        [MYBMW.account]: { vendor: MYBMW.vendor, baseUrl: urls[MYBMW.vendor] },
      },
    }),
  });
}
