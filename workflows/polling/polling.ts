/**
 * Keeps what can be read of an account's vehicles as fresh as its calls allow. One step after the other: an activity makes
 * the plan from the database, makes the call that is due, and says when the next one is; until then the workflow sleeps.
 *
 * Nothing is lost with it: a new one goes on from what the tables hold. A call that fails holds back that call alone; a
 * closed pool or a spent limit holds back all, until its time.
 */
import { ActivityFailure, condition, continueAsNew, setHandler } from '@temporalio/workflow';
import type { PollInput, PollingActivities, PollStep } from '../../activities/reads/polling/polling';
import { HOUR_MS, MINUTE_MS } from '../../quota/durations';
import { activitiesFor } from '../activity-queues';
import { showDetails } from '../details';
import { type HistoryLimit, isHistoryLong } from '../history';
import { type WorkStatus, workStatusQuery } from '../messages';
import { OperatorPause } from '../operator-pause';
import { HistoryIsFull, PoolGate } from '../pools/pool-gate';

export interface PollingWorkInput extends HistoryLimit {
  readonly account: string;
  readonly heldBack?: PollInput['heldBack'];
  /** Why it is paused, from before. */
  readonly paused?: string | null;
  readonly answered?: number;
  readonly failed?: number;
}

const { pollDue } = activitiesFor<PollingActivities>('fleets', {
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '10 seconds',
  // Each try may be a call: what does not come right soon is left to a later step.
  retry: { initialInterval: '5 seconds', maximumInterval: '1 minute', maximumAttempts: 3 },
});

/** The plan is made again after this at the latest, for a vehicle may have moved, and people read as well. */
const LONGEST_SLEEP_MS = 30 * MINUTE_MS;
/** Between two steps, whatever is due. */
const LEAST_MS = 500;
/** After a step that could not be made; doubles, ms. */
const TROUBLE_MS = 5 * MINUTE_MS;
const MAX_TROUBLE_MS = HOUR_MS;
const PROBLEMS_KEPT = 20;

export async function polling(input: PollingWorkInput): Promise<void> {
  await new Polling(input).run();
}

class Polling {
  private phase: WorkStatus['phase'] = 'starting';
  private detail = '';
  private until: number | null = null;
  private heldBack: PollInput['heldBack'];
  private answered: number;
  private failed: number;
  private troubles = 0;
  private readonly problems: string[] = [];
  private readonly pause: OperatorPause;
  private readonly gate: PoolGate;

  constructor(private readonly input: PollingWorkInput) {
    this.heldBack = input.heldBack ?? {};
    this.answered = input.answered ?? 0;
    this.failed = input.failed ?? 0;
    this.pause = new OperatorPause(input.paused ?? null);
    this.gate = new PoolGate('wait', () => this.showBlock(), input.eventsBeforeContinue);
    setHandler(workStatusQuery, () => this.status());
  }

  async run(): Promise<void> {
    for (;;) {
      if (this.pause.isOn) {
        this.setStatus('paused', this.pause.reason ?? '', null);
        await this.pause.whileRunning();
      }
      this.setStatus('running', 'making the plan', null);
      const waitMs = await this.step();
      if (isHistoryLong(this.input.eventsBeforeContinue)) await this.afresh();
      await condition(() => this.pause.isOn, Math.max(LEAST_MS, waitMs));
    }
  }

  private afresh(): Promise<never> {
    const { account, eventsBeforeContinue } = this.input;
    return continueAsNew<typeof polling>({
      account,
      heldBack: this.heldBack,
      paused: this.pause.reason,
      answered: this.answered,
      failed: this.failed,
      ...(eventsBeforeContinue === undefined ? {} : { eventsBeforeContinue }),
    });
  }

  /** @returns how long to wait for the next, ms. */
  private async step(): Promise<number> {
    let step: PollStep;
    try {
      step = await this.gate.run(() => pollDue({ account: this.input.account, heldBack: this.heldBack }));
      this.troubles = 0;
    } catch (error) {
      if (error instanceof HistoryIsFull) return this.afresh();
      if (!(error instanceof ActivityFailure)) throw error;
      const waitMs = Math.min(MAX_TROUBLE_MS, TROUBLE_MS * 2 ** Math.min(10, this.troubles));
      this.troubles++;
      const why = error.cause?.message ?? error.message;
      this.note(why);
      this.setStatus('failed', why, Date.now() + waitMs);
      return waitMs;
    }
    this.heldBack = step.heldBack;
    if (step.asked?.outcome === 'answered') this.answered++;
    if (step.asked?.outcome === 'failed') {
      this.failed++;
      this.note(`${step.asked.read} of ${step.asked.vehicleId || 'the account'}: ${step.asked.reason}`);
    }
    const { stopped, next } = step;
    if (stopped !== null) {
      this.setStatus('waiting for quota', stopped.reason, stopped.until);
      return stopped.until - Date.now();
    }
    const { capacity, used, reserve } = step.quota;
    const calls = `${used} of ${capacity} calls used, ${step.left} planned, ${reserve} kept for people`;
    if (next === null) {
      this.setStatus('sleeping', `nothing is due; ${calls}`, null);
      return LONGEST_SLEEP_MS;
    }
    this.setStatus(
      'sleeping',
      `next: ${next.read}${next.vehicleId && ` of ${next.vehicleId}`}; ${calls}`,
      next.at,
    );
    return Math.min(LONGEST_SLEEP_MS, next.at - Date.now());
  }

  private showBlock(): void {
    const { block } = this.gate;
    if (block !== null) this.setStatus('waiting for quota', block.reason, block.until);
  }

  private note(problem: string): void {
    this.problems.push(problem);
    this.problems.splice(0, this.problems.length - PROBLEMS_KEPT);
  }

  private status(): WorkStatus {
    return {
      phase: this.phase,
      detail: this.detail,
      until: this.until,
      chunksTotal: this.answered + this.failed,
      chunksDone: this.answered,
      chunksFailed: this.failed,
      rows: this.answered,
      problems: this.problems,
    };
  }

  private setStatus(phase: WorkStatus['phase'], detail: string, until: number | null): void {
    this.phase = phase;
    this.detail = detail;
    this.until = until;
    const head = [
      `**polling of ${this.input.account}**: **${phase}**`,
      `${this.answered} reads answered, ${this.failed} failed`,
    ];
    showDetails(head, { until, detail, problems: this.problems });
  }
}
