/**
 * The durable circuit breaker of one pool. Postgres stops each call; this workflow decides what happens next. It
 * sleeps through the cooldown as one timer, lets the probe through, wakes waiting workflows, and takes the operator's
 * pause and resume. Either side may be lost: the state is read back from Postgres, or written back to it.
 */
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { PoolActivities } from '../../activities/pools/pool';
import { HOUR_MS } from '../../quota/durations';
import { CLOSED_POOL, endlessHoldText, pauseReason } from '../../quota/pools/pool';
import type { PoolPolicy, PoolState } from '../../quota/pools/state';
import { type HistoryLimit, isHistoryLong } from '../history';
import {
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
} from '../messages';
import { startTimer, type Timer } from '../timer';

const { readPoolState, readProbe, applyOperatorEvent } = proxyActivities<PoolActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

export interface QuotaPoolInput extends HistoryLimit {
  readonly key: string;
  readonly policy: PoolPolicy;
  /** What the last run knew; written back should Postgres have lost it. */
  readonly remembered?: PoolState;
  readonly waiting?: readonly string[];
}

/** Whoever was woken at half-open has made the probe by then, or does not mean to, ms. */
const PROBE_BEGINS_MS = 10_000;
/** After the time of a probe that reports nothing, ms: the database's clock may be a little behind this one. */
const PROBE_OVER_MS = 1_000;
/** The server lets a workflow have 2,000 signals to others under way. */
const WOKEN_TOGETHER = 500;
/** A half-open pool that nobody waits for is checked at growing intervals, ms. */
const LONGEST_CHECK_MS = HOUR_MS;

type Command =
  | { readonly type: 'pause'; readonly reason: string; readonly until: number | null }
  | { readonly type: 'resume' }
  | { readonly type: 'reconcile' }
  | { readonly type: 'check probe' };

/** One stay in half-open: who was woken, and what became of it. */
interface Probing {
  /** The state's own `since`, which each probe of it keeps. */
  readonly since: number;
  /** Nobody is out or on the way: the next waiter may be woken. */
  free: boolean;
  /** Until when a probe is out, epoch ms; null when there is none, or nobody has checked yet. */
  until: number | null;
  /** Counts wakings and checks, so that each gets a timer of its own. */
  round: number;
  /** Checks in a row at which nobody waited and nothing was out. */
  idle: number;
}

export async function quotaPool(input: QuotaPoolInput): Promise<never> {
  const pool = new PoolEntity(input);
  return pool.run();
}

class PoolEntity {
  private state: PoolState;
  private readonly waiting: Set<string>;
  private readonly commands: Command[] = [];
  /** Set by every signal; ends the present wait. */
  private hasNews = false;
  private timer: Timer | null = null;
  private probing: Probing | null = null;

  constructor(private readonly input: QuotaPoolInput) {
    this.state = input.remembered ?? CLOSED_POOL;
    this.waiting = new Set(input.waiting ?? []);
    setHandler(quotaHitSignal, (state) => this.observe(state));
    setHandler(failureSignal, (state) => this.observe(state));
    setHandler(successSignal, (state) => this.observe(state));
    setHandler(reconcileSignal, () => this.order({ type: 'reconcile' }));
    setHandler(pauseSignal, (pause) => this.order({ type: 'pause', ...parsePause(pause) }));
    setHandler(resumeSignal, () => this.order({ type: 'resume' }));
    setHandler(waitingSignal, ({ workflowId, state }) => {
      this.waiting.add(workflowId);
      // What closed the pool may never have been reported here; then whoever waits would be woken for nothing.
      if (state) this.observe(state);
      this.hasNews = true;
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
      if (this.isFull() && this.commands.length === 0) await this.continue();
    }
  }

  private isFull(): boolean {
    return isHistoryLong(this.input.eventsBeforeContinue);
  }

  /** In a fresh history, with all that is known. Returns when an order came meanwhile. */
  private async continue(): Promise<void> {
    await condition(allHandlersFinished);
    // Signals that arrived meanwhile were handled into state, waiting and commands; none is left behind.
    if (this.commands.length > 0) return;
    await continueAsNew<typeof quotaPool>({
      ...this.input,
      remembered: this.state,
      waiting: [...this.waiting],
    });
  }

  /** A state from the call path. Only a newer one counts; a pause of the same epoch may have been lengthened. */
  private observe(state: PoolState): void {
    const newer = state.epoch > this.state.epoch;
    const longer = state.epoch === this.state.epoch && (state.until ?? 0) > (this.state.until ?? 0);
    if (newer || longer) this.state = state;
    this.hasNews = true;
  }

  private order(command: Command): void {
    this.commands.push(command);
    this.hasNews = true;
  }

  private isOver(): boolean {
    const { state, until } = this.state;
    return state !== 'closed' && state !== 'half_open' && until !== null && Date.now() >= until;
  }

  /** Waits for a signal, or for the end of the present state. */
  private async waitForNews(): Promise<void> {
    this.setTimer();
    await condition(
      () => this.hasNews || this.commands.length > 0 || (this.timer ? this.timer.over : this.isFull()),
    );
    if (this.timer?.over) {
      this.timer = null;
      // The probe's report may be lost with its worker; Postgres knows.
      if (this.state.state === 'half_open') this.commands.push({ type: 'check probe' });
    }
    this.hasNews = false;
  }

  /** One timer for one wait: news that leave the state as it is leave its timer alone. */
  private setTimer(): void {
    const { state, until, epoch } = this.state;
    const probing = this.probing;
    const waitsForTime = state !== 'closed' && until !== null;
    let purpose: string | null = null;
    if (probing !== null) purpose = `${state} ${probing.since} ${probing.round}`;
    else if (waitsForTime) purpose = `${state} ${epoch} ${until}`;
    if (this.timer?.purpose === purpose) return;
    this.timer?.cancel();
    this.timer = null;
    if (purpose === null) return;
    if (probing !== null) {
      this.timer = startTimer(purpose, this.checkInMs(probing), 'waiting for the probe');
    } else if (until !== null) {
      // Never 0: the database's clock may be a little behind this one.
      const leftMs = Math.max(500, until - Date.now());
      this.timer = startTimer(purpose, leftMs, `${state} until ${new Date(until).toISOString()}`);
    }
  }

  private checkInMs({ until, free, idle }: Probing): number {
    if (until !== null) return Math.max(0, until - Date.now()) + PROBE_OVER_MS;
    const begins = Math.min(PROBE_BEGINS_MS, this.input.policy.probeTimeoutMs);
    return free ? Math.min(LONGEST_CHECK_MS, begins * 2 ** idle) : begins;
  }

  private async carryOutCommands(): Promise<void> {
    for (let command = this.commands.shift(); command; command = this.commands.shift()) {
      const { key, policy } = this.input;
      if (command.type === 'check probe') {
        await this.checkProbe();
        continue;
      }
      await this.update(
        command.type === 'reconcile'
          ? readPoolState({ key, policy, remembered: this.state })
          : applyOperatorEvent({ key, event: command }),
      );
    }
  }

  /** A probe that reports nothing until its time is over is taken for lost, and the next waiter makes another. */
  private async checkProbe(): Promise<void> {
    const { key, policy } = this.input;
    await this.update(readPoolState({ key, policy, remembered: this.state }));
    const until = await readProbe({ key });
    const { probing } = this;
    if (this.state.state !== 'half_open' || probing === null) return;
    probing.round++;
    probing.until = until;
    probing.free = until === null;
    probing.idle = until === null && this.waiting.size === 0 ? probing.idle + 1 : 0;
  }

  /** Takes over what Postgres says, unless the call path has reported something later meanwhile. */
  private async update(answer: Promise<PoolState>): Promise<void> {
    const before = this.state;
    const state = await answer;
    if (this.state === before || state.epoch >= this.state.epoch) this.state = state;
  }

  /**
   * One waiter at half-open, which makes the probe; all of them when the pool is back to normal. While the probe is out
   * nobody else is woken, for whoever asks then is only turned away.
   */
  private async wakeWaiting(): Promise<void> {
    const { state, since } = this.state;
    if (state !== 'half_open') this.probing = null;
    else if (this.probing?.since !== since) {
      this.probing = { since, free: true, until: null, round: 0, idle: 0 };
    }
    if (state === 'closed') {
      // Together, for each alone would be a workflow task, and an operator's next order would wait for all of them.
      while (this.waiting.size > 0 && this.commands.length === 0) {
        const group = [...this.waiting].slice(0, WOKEN_TOGETHER);
        const woken = Promise.all(group.map((workflowId) => this.wake(workflowId)));
        await Promise.race([woken, condition(() => this.commands.length > 0)]);
      }
      return;
    }
    const { probing } = this;
    if (probing === null) return;
    while (probing.free) {
      const [first] = this.waiting;
      if (first === undefined) return;
      // One that has ended makes no probe: the next in line does.
      if (!(await this.wake(first))) continue;
      Object.assign(probing, { free: false, until: null, idle: 0 });
      probing.round++;
    }
  }

  /** False when it has ended meanwhile. */
  private async wake(workflowId: string): Promise<boolean> {
    this.waiting.delete(workflowId);
    const { state } = this.state;
    try {
      await getExternalWorkflowHandle(workflowId).signal(poolOpenedSignal, { pool: this.input.key, state });
      return true;
    } catch (error) {
      log.info('a waiting workflow is gone', { workflowId, error: String(error) });
      return false;
    }
  }

  private describe(): void {
    const s = this.state;
    const lines = [`**${this.input.key}**: ${s.state.replace('_', ' ')} since ${iso(s.since)}`];
    if (s.until !== null) lines.push(`Until: **${iso(s.until)}**`);
    else if (s.state === 'held') lines.push(`**Held ${endlessHoldText(s.cause)}** (signal \`resume\`)`);
    if (s.reason) lines.push(`Why: ${s.reason}`);
    if (s.strikes > 0) lines.push(`Strikes: ${s.strikes}`);
    if (s.hint) lines.push(`**${s.hint}**`);
    if (this.waiting.size > 0) lines.push(`Waiting: ${[...this.waiting].join(', ')}`);
    setCurrentDetails(lines.join('\n\n'));
  }
}

function parsePause(input: PauseInput | undefined): { reason: string; until: number | null } {
  const given = typeof input === 'string' ? null : input?.until;
  const until = given === undefined || given === null ? null : new Date(given).getTime();
  return {
    reason: pauseReason(typeof input === 'string' ? input : input?.reason),
    // A date that cannot be read pauses without end rather than not at all.
    until: until === null || Number.isNaN(until) ? null : until,
  };
}

function iso(ms: number): string {
  return ms > 0 ? new Date(ms).toISOString() : 'start';
}
