/** Starts a vendor's simulator, whatever it does instead of starting. */
import type { Vendor, VendorSimulator } from '../define';
import type { RunningSimulator } from '../kit/server/server';

/** Longest time until a simulator listens, ms. */
const PATIENCE_MS = 30_000;

export interface StartedSimulator {
  readonly simulator: VendorSimulator;
  readonly running: RunningSimulator;
}

/** @throws an error that says what is wrong with `simulator` of the vendor. */
export async function startSimulator(vendor: Vendor, patienceMs = PATIENCE_MS): Promise<StartedSimulator> {
  const simulator = await within(patienceMs, 'load', () => vendor.simulator?.());
  if (typeof simulator?.start !== 'function' || typeof simulator.settings !== 'function') {
    throw new Error('simulator: must give what defineSimulator makes, with start and settings');
  }
  const running = await within(patienceMs, 'start', () => simulator.start({}));
  if (typeof running?.control === 'function') return { simulator, running };
  throw new Error('simulator: its start must give a running one, as defineSimulator does');
}

async function within<T>(ms: number, what: string, work: () => T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const said = new Error(`simulator: does not ${what} within ${ms / 1000} s`);
    timer = setTimeout(() => reject(said), ms);
  });
  try {
    return await Promise.race([(async () => work())(), late]);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('simulator:')) throw error;
    throw new Error(`simulator: does not ${what}: ${String(error).slice(0, 500)}`);
  } finally {
    clearTimeout(timer);
  }
}
