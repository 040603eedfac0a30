/**
 * The durable circuit breaker of one pool. Postgres stops each call; this workflow decides what happens next: it
 * sleeps through the cooldown as one timer, lets the probe through, wakes those who wait, and takes the operator's
 * pause and resume. Either side may be lost: the state is read back from Postgres, or written back to it.
 */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { PoolActivities } from '../activities/pool';
import { CLOSED_POOL, type PoolPolicy, type PoolState } from '../quota/pool';
import {
  credentialsChangedSignal,
  failureSignal,
  type PauseInput,
  pauseSignal,
  poolOpenedSignal,
  poolStatusQuery,
  quotaHitSignal,
  reconcileSignal,
  resumeSignal,
  successSignal,
  waitingSignal,
} from './messages';

const { readPoolState, applyOperatorEvent } = proxyActivities<PoolActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

export interface QuotaPoolInput {
  readonly key: string;
  readonly policy: PoolPolicy;
  /** What the last run knew; written back should Postgres have lost it. */
  readonly remembered?: PoolState;
  readonly waiting?: readonly string[];
}

type Command =
  | { readonly type: 'pause'; readonly reason: string; readonly until: number | null }
  | { readonly type: 'resume' }
  | { readonly type: 'reconcile' };

export async function quotaPool(input: QuotaPoolInput): Promise<never> {
  const pool = new PoolEntity(input);
  return pool.run();
}

class PoolEntity {
  private state: PoolState;
  private readonly waiting: Set<string>;
  private readonly commands: Command[] = [];
  /** Set by every signal; ends the present wait. */
  private stirred = false;
  private timer: Timer | null = null;

  constructor(private readonly input: QuotaPoolInput) {
    this.state = input.remembered ?? CLOSED_POOL;
    this.waiting = new Set(input.waiting ?? []);
    setHandler(quotaHitSignal, (state) => this.hear(state));
    setHandler(failureSignal, (state) => this.hear(state));
    setHandler(successSignal, (state) => this.hear(state));
    setHandler(reconcileSignal, () => this.command({ type: 'reconcile' }));
    setHandler(pauseSignal, (pause) => this.command({ type: 'pause', ...parsePause(pause) }));
    setHandler(resumeSignal, () => this.command({ type: 'resume' }));
    setHandler(credentialsChangedSignal, () => {
      if (this.state.state === 'held' && this.state.reason.startsWith('credentials refused')) {
        this.command({ type: 'resume' });
      }
    });
    setHandler(waitingSignal, ({ workflowId }) => {
      this.waiting.add(workflowId);
      this.stirred = true;
    });
    setHandler(poolStatusQuery, () => ({
      key: this.input.key,
      state: this.state,
      waiting: [...this.waiting],
    }));
  }

  async run(): Promise<never> {
    await this.update(readPoolState({ ...this.input, remembered: this.input.remembered ?? null }));
    for (;;) {
      await this.wakeWaiting();
      this.describe();
      await this.waitForNews();
      await this.carryOutCommands();
      if (this.isOver())
        await this.update(applyOperatorEvent({ key: this.input.key, event: { type: 'timer' } }));
      if (workflowInfo().continueAsNewSuggested && this.commands.length === 0) {
        await condition(allHandlersFinished);
        // Signals that arrived meanwhile were handled into state, waiting and commands; none is left behind.
        if (this.commands.length === 0) {
          await continueAsNew<typeof quotaPool>({
            key: this.input.key,
            policy: this.input.policy,
            remembered: this.state,
            waiting: [...this.waiting],
          });
        }
      }
    }
  }

  /** A state from the call path. Only a newer one counts; a pause of the same epoch may have been lengthened. */
  private hear(state: PoolState): void {
    const newer = state.epoch > this.state.epoch;
    const longer = state.epoch === this.state.epoch && (state.until ?? 0) > (this.state.until ?? 0);
    if (newer || longer) this.state = state;
    this.stirred = true;
  }

  private command(command: Command): void {
    this.commands.push(command);
    this.stirred = true;
  }

  private isOver(): boolean {
    const { state, until } = this.state;
    return state !== 'closed' && state !== 'half_open' && until !== null && Date.now() >= until;
  }

  /** Waits for a signal, or for the end of the present state. */
  private async waitForNews(): Promise<void> {
    this.setTimer();
    await condition(
      () =>
        this.stirred ||
        this.commands.length > 0 ||
        (this.timer ? this.timer.over : workflowInfo().continueAsNewSuggested),
    );
    if (this.timer?.over) {
      this.timer = null;
      // The probe's report may be lost with its worker; Postgres knows.
      if (this.state.state === 'half_open') this.commands.push({ type: 'reconcile' });
    }
    this.stirred = false;
  }

  /** One timer for one wait: news that leave the state as it is leave its timer alone. */
  private setTimer(): void {
    const { state, until, epoch } = this.state;
    const waitsForProbe = state === 'half_open';
    const waitsForTime = state !== 'closed' && until !== null;
    const purpose = waitsForProbe || waitsForTime ? `${state} ${epoch} ${until}` : null;
    if (this.timer?.purpose === purpose) return;
    this.timer?.cancel();
    this.timer = null;
    if (purpose === null) return;
    this.timer = waitsForTime
      ? // Never 0: the database's clock may be a little behind this one.
        startTimer(
          purpose,
          Math.max(500, until - Date.now()),
          `${state} until ${new Date(until).toISOString()}`,
        )
      : startTimer(purpose, this.input.policy.probeTimeoutMs, 'waiting for the probe');
  }

  private async carryOutCommands(): Promise<void> {
    for (let command = this.commands.shift(); command; command = this.commands.shift()) {
      const { key, policy } = this.input;
      await this.update(
        command.type === 'reconcile'
          ? readPoolState({ key, policy, remembered: this.state })
          : applyOperatorEvent({ key, event: command }),
      );
    }
  }

  /** Takes over what Postgres says, unless the call path has told of something later meanwhile. */
  private async update(answer: Promise<PoolState>): Promise<void> {
    const before = this.state;
    const state = await answer;
    if (this.state === before || state.epoch >= this.state.epoch) this.state = state;
  }

  /** One waiter at half-open (it makes the probe), all of them when the pool is back to normal. */
  private async wakeWaiting(): Promise<void> {
    const { state } = this.state;
    if (this.waiting.size === 0 || (state !== 'closed' && state !== 'half_open')) return;
    const [first] = this.waiting;
    const woken = state === 'closed' ? [...this.waiting] : first === undefined ? [] : [first];
    for (const workflowId of woken) {
      this.waiting.delete(workflowId);
      try {
        await getExternalWorkflowHandle(workflowId).signal(poolOpenedSignal, { pool: this.input.key, state });
      } catch (error) {
        // It has ended meanwhile; at half-open the next in line makes the probe.
        log.info('a waiting workflow is gone', { workflowId, error: String(error) });
        if (state === 'half_open') this.stirred = true;
      }
    }
  }

  private describe(): void {
    const s = this.state;
    const lines = [`**${this.input.key}**: ${s.state.replace('_', ' ')} since ${iso(s.since)}`];
    if (s.until !== null) lines.push(`Until: **${iso(s.until)}**`);
    else if (s.state === 'held') lines.push('Until: **an operator resumes it** (signal `resume`)');
    if (s.reason) lines.push(`Why: ${s.reason}`);
    if (s.strikes > 0) lines.push(`Strikes: ${s.strikes}`);
    if (s.hint) lines.push(`**${s.hint}**`);
    if (this.waiting.size > 0) lines.push(`Waiting: ${[...this.waiting].join(', ')}`);
    setCurrentDetails(lines.join('\n\n'));
  }
}

interface Timer {
  readonly purpose: string;
  over: boolean;
  cancel(): void;
}

/** @param summary what the Web UI shows beside the timer. */
function startTimer(purpose: string, ms: number, summary: string): Timer {
  const scope = new CancellationScope();
  const timer: Timer = { purpose, over: false, cancel: () => scope.cancel() };
  scope
    .run(() => sleep(ms, { summary }))
    .then(
      () => {
        timer.over = true;
      },
      (error) => {
        if (!isCancellation(error)) throw error;
      },
    );
  return timer;
}

function parsePause(input: PauseInput | undefined): { reason: string; until: number | null } {
  if (typeof input === 'string') return { reason: `paused by operator: ${input}`, until: null };
  const until = input?.until === undefined || input.until === null ? null : new Date(input.until).getTime();
  return {
    reason: input?.reason ? `paused by operator: ${input.reason}` : 'paused by operator',
    // A date that cannot be read pauses without end rather than not at all.
    until: until === null || Number.isNaN(until) ? null : until,
  };
}

function iso(ms: number): string {
  return ms > 0 ? new Date(ms).toISOString() : 'start';
}
