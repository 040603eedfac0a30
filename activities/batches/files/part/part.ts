/**
 * The life of a part: cut, uploaded, creating, created, ended, settled. Each step may be repeated after a crash.
 *
 * `creating` is written right before the call that creates the vendor's batch. Whoever finds a part in that state
 * looks the batch up in the vendor's list and adopts it. The batch is created again only when the list has not shown
 * it for a while, so that nothing is paid for twice.
 */
import { type BatchPart, readPart } from '../../../../store/batches/parts';
import { CallFailed } from '../../../gateway/call-errors';
import { BatchApiCalls } from '../calls';
import type { PartCutter } from '../cut';
import type { QueueDesk } from '../queue';
import { type BatchApiContext, type BatchApiDeps, BrokenAnswer, CreateRefused, PartMoved } from '../types';
import { PartCollector } from './collect';
import { PartFailures } from './failures';
import { PartPoller } from './poll';
import { PartRecord, RELEASED, SETTLED, type Step } from './record';
import { PartSender } from './send';

export class PartSteps {
  private readonly record: PartRecord;
  private readonly sender: PartSender;
  private readonly poller: PartPoller;
  private readonly collector: PartCollector;
  private readonly failures: PartFailures;

  constructor(
    private readonly deps: BatchApiDeps,
    context: BatchApiContext,
    cutter: PartCutter,
    queue: QueueDesk,
  ) {
    const calls = new BatchApiCalls(deps, context);
    this.record = new PartRecord(deps, context);
    this.sender = new PartSender(deps, context, calls, cutter, this.record);
    this.poller = new PartPoller(deps, context, calls, queue, this.record);
    this.collector = new PartCollector(deps, context, calls, this.record);
    this.failures = new PartFailures(deps, context, queue, this.record);
  }

  /**
   * Takes a part as far as it goes now.
   * @param winding nothing more is to be begun: what can be is cancelled, and results are kept.
   * @returns the part as it stands; null when it is settled.
   * @throws PoolClosed, PermitWait, NeedsOperator; what a call failed with is noted with the part.
   */
  async advance(part: BatchPart, winding: boolean): Promise<BatchPart | null> {
    for (let current = part; ; ) {
      if (current.dueInMs > 0) return current;
      try {
        const step = await this.step(current, winding);
        if (step.part === null || !step.more) return step.part;
        current = step.part;
      } catch (error) {
        if (error instanceof PartMoved) return readPart(this.deps.db, current.id);
        if (error instanceof CreateRefused) return this.failures.afterRefusal(current, error);
        if (!(error instanceof CallFailed) && !(error instanceof BrokenAnswer)) throw error;
        return this.failures.afterFailure(current, error);
      }
    }
  }

  private async step(part: BatchPart, winding: boolean): Promise<Step> {
    switch (part.state) {
      case 'cutting':
        return this.record.settle(part, RELEASED, 'its cutting was broken off');
      case 'cut':
        return winding
          ? this.record.settle(part, RELEASED, 'no longer to be sent')
          : this.sender.upload(part);
      case 'uploaded':
        return winding ? this.record.settle(part, RELEASED, 'no longer wanted') : this.sender.create(part);
      case 'creating':
        return this.sender.find(part);
      case 'created':
        return this.poller.poll(part, winding);
      case 'ended':
        return this.collector.finish(part, winding);
      case 'settled':
        return SETTLED;
    }
  }
}
