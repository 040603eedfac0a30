/** GPS51 fleets of six devices that all drive, one for each test, and single ticks of their schedules. */
import { Runtime } from '@temporalio/worker';
import type { positionsTick, TickResult } from '../../../workflows/fleet/fleet-ticks';
import { uniqueName } from './embedded';
import { type Gps51Stack, type Gps51StackOptions, startGps51Stack } from './gps51-stack';

/** To be called once in a test file: what `start` starts is ended after each test. */
export function fleetStacks() {
  let stack: Gps51Stack | null = null;

  afterEach(async () => {
    await stack?.close();
    stack = null;
  });
  afterAll(() => Runtime.instance().shutdown());

  return async (options: Gps51StackOptions = {}): Promise<Gps51Stack> => {
    stack = await startGps51Stack({
      ...options,
      scenario: { ...options.scenario, fleet: { devices: 6, parkedShare: 0, ...options.scenario?.fleet } },
    });
    return stack;
  };
}

export function tick(
  s: Gps51Stack,
  name: 'positionsTick' | 'tripsTick',
  intervalMs = 60_000,
): Promise<TickResult> {
  const dataset = name === 'positionsTick' ? 'gps51/positions' : 'gps51/trips';
  // Both take and give the same.
  return s.client.workflow.execute<typeof positionsTick>(name, {
    workflowId: uniqueName('tick'),
    taskQueue: s.settings.temporal.taskQueue,
    args: [{ dataset, account: s.account, intervalMs }],
  });
}
export const positions = (s: Gps51Stack) => tick(s, 'positionsTick');
export const trips = (s: Gps51Stack) => tick(s, 'tripsTick');
