/** What tests of a lab wait for. */
import type { WorkflowHandle } from '@temporalio/client';
import { resumeSignal, type WorkStatus, workStatusQuery } from '../../../../workflows/messages';
import { eventually } from '../../eventually';

/** Waits for a sync to be in a phase. */
export function phaseOf(
  handle: Pick<WorkflowHandle, 'query'>,
  phase: WorkStatus['phase'],
): Promise<WorkStatus> {
  return eventually(`the workflow is ${phase}`, async () => {
    const status = await handle.query(workStatusQuery);
    return status.phase === phase && status;
  });
}

/** Wakes a sleeping sync and waits for the end of the cycle that this makes. */
export async function nextCycle(handle: Pick<WorkflowHandle, 'query' | 'signal'>): Promise<WorkStatus> {
  const before = await handle.query(workStatusQuery);
  await handle.signal(resumeSignal);
  return eventually('the next cycle ends', async () => {
    const status = await handle.query(workStatusQuery);
    return status.phase === 'sleeping' && status.until !== before.until && status;
  });
}
