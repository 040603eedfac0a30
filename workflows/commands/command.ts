/**
 * One command to a device, from request to result. One activity sends it, at most once unless it is repeatable. Where
 * the vendor only accepts and queues it, the result is polled until it comes or the time is over. A command that
 * cannot be sent in time is not sent later: its sender no longer waits for it.
 */
import { ActivityFailure, condition, continueAsNew, setHandler, sleep } from '@temporalio/workflow';
import type { CommandActivities } from '../../activities/commands/commands';
import type { CommandStep } from '../../activities/commands/types';
import { HOUR_MS } from '../../quota/durations';
import { FAILURE, type PoolClosedDetails, type WaitDetails } from '../../quota/failures';
import type { CommandOutcome } from '../../store/commands/commands';
import type { CommandPolling } from '../../vendors/capabilities/commands';
import { activitiesFor } from '../activity-queues';
import { showDetails } from '../details';
import type { HistoryLimit } from '../history';
import { type CommandStatus, cancelSignal, commandStatusQuery, orderReason } from '../messages';
import { applicationFailure, HistoryIsFull, PoolGate } from '../pools/pool-gate';

/** A worker that dies while it sends is noticed within some ten seconds. */
const { sendCommand } = activitiesFor<CommandActivities>('commands', {
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '8 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
});
const { endCommand, cancelCommand } = activitiesFor<CommandActivities>('commands', {
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
});

/** For a command that was sent before vendors described how results are polled. */
const POLLING: CommandPolling = { firstMs: 1000, factor: 2, maxMs: 16_000, longestMs: null };
/** A result is waited for through closed pools for so long in all, ms: longer than any pause that has been seen. */
const MOST_PAUSED_MS = 6 * HOUR_MS;
/** Whether a closed pool is still closed is checked after this, then after twice as long each time, ms. */
const FIRST_CHECK_MS = 2000;
const LONGEST_CHECK_MS = 300_000;
/** How long a poll that is under way when the time is over may still bring the result, ms. */
const LAST_POLL_MS = 5000;

export interface CommandInput extends HistoryLimit {
  readonly commandId: number;
  readonly account: string;
  readonly device: string;
  readonly code: string;
  readonly repeatable: boolean;
  /** Longest wait for leave to send, ms, and for the result where nothing else says. */
  readonly timeoutMs: number;
  /** Longest wait for the result, ms; without it, as long as the vendor works on a command. */
  readonly resultMs?: number;
  readonly waitForPool: boolean;
}

export async function command(input: CommandInput): Promise<CommandOutcome> {
  return new CommandRun(input).run();
}

class CommandRun {
  private phase: CommandStatus['phase'] = 'sending';
  private detail = '';
  private until: number | null = null;
  private outcome: CommandOutcome | null = null;
  private cancelReason: string | null = null;
  private readonly gate: PoolGate | null;

  constructor(private readonly input: CommandInput) {
    const onChange = () => this.show();
    this.gate = input.waitForPool ? new PoolGate('wait', onChange, input.eventsBeforeContinue) : null;
    setHandler(cancelSignal, (cancel) => {
      this.cancelReason = orderReason(cancel);
    });
    setHandler(commandStatusQuery, () => this.status());
  }

  async run(): Promise<CommandOutcome> {
    this.show();
    const sent = this.send();
    // After a cancellation nobody waits for it any more.
    sent.catch(() => undefined);
    const step = await Promise.race([sent, this.cancelled()]);
    this.outcome = step.kind === 'ended' ? step.outcome : await this.result(step);
    this.setStatus('done', '', null);
    return this.outcome;
  }

  private async send(): Promise<CommandStep> {
    const { commandId } = this.input;
    const call = () => sendCommand({ commandId });
    try {
      return await (this.gate ? this.gate.run(call) : this.sendInTime(call));
    } catch (error) {
      // It has waited for the pool for very long, and has not been sent.
      if (error instanceof HistoryIsFull) return continueAsNew<typeof command>(this.input);
      // Nothing of the vendor's: the account is not in the settings any more, or the like.
      if (!(error instanceof ActivityFailure)) throw error;
      return this.fail('refused', applicationFailure(error)?.message ?? error.message);
    }
  }

  /** Waits out what ends in time; what does not is a failure that says until when it would have to wait. */
  private async sendInTime(call: () => Promise<CommandStep>): Promise<CommandStep> {
    const sendBy = Date.now() + this.input.timeoutMs;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const blocked = blockOf(error);
        if (blocked === null) throw error;
        if (blocked.until === null || blocked.until >= sendBy)
          return this.fail(blocked.name, blocked.message);
        this.setStatus('waiting', blocked.message, blocked.until);
        await sleep(Math.max(50, blocked.until - Date.now()), { summary: blocked.message });
        this.setStatus('sending', '', null);
      }
    }
  }

  /** Settles when a cancellation came before the command was sent. */
  private async cancelled(): Promise<CommandStep> {
    const { commandId } = this.input;
    for (;;) {
      await condition(() => this.cancelReason !== null);
      const reason = this.cancelReason ?? '';
      this.cancelReason = null;
      const outcome = await cancelCommand({ commandId, reason });
      if (outcome) return { kind: 'ended', outcome };
    }
  }

  private async result({ vendorCommandId, polling = POLLING }: Queued): Promise<CommandOutcome> {
    const { commandId } = this.input;
    const timeoutMs = this.resultMs(polling);
    let deadline = Date.now() + timeoutMs;
    // The vendor's own time stands still while it answers nothing; a caller's does not.
    const mayStandStill = this.input.resultMs === undefined && polling.longestMs !== null;
    let pausedMs = 0;
    let checkMs = FIRST_CHECK_MS;
    let trouble = '';
    const asking = () =>
      this.setStatus('waiting for the result', `the vendor has it as ${vendorCommandId}`, deadline);
    asking();
    for (let waitMs = polling.firstMs; ; waitMs = Math.min(polling.maxMs, waitMs * polling.factor)) {
      const left = deadline - Date.now();
      if (left <= 0) break;
      await sleep(Math.min(waitMs, left), { summary: 'until the result is asked for' });
      try {
        const step = await this.poll(polling, Math.max(LAST_POLL_MS, deadline - Date.now()))({ commandId });
        if (step.kind === 'ended') return step.outcome;
        checkMs = FIRST_CHECK_MS;
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        const blocked = blockOf(error);
        trouble = `; ${blocked?.message ?? applicationFailure(error)?.message ?? 'the vendor gives no answer'}`;
        if (blocked === null) continue;
        const { until, message } = blocked;
        const standsStill = mayStandStill && pausedMs < MOST_PAUSED_MS;
        if (until === null || (until >= deadline && !standsStill)) break;
        // An operator may have opened the pool meanwhile: a check costs no call.
        const pauseMs = Math.max(50, Math.min(until - Date.now(), checkMs));
        checkMs = Math.min(LONGEST_CHECK_MS, 2 * checkMs);
        this.setStatus('waiting', `the vendor has it as ${vendorCommandId}; ${message}`, until);
        await sleep(pauseMs, { summary: message });
        pausedMs += pauseMs;
        if (standsStill) deadline += pauseMs;
        asking();
      }
    }
    const message = `the vendor has it (as ${vendorCommandId}), but no result came within ${timeoutMs / 1000} s${trouble}`;
    const outcome = { state: 'unknown', name: 'timeout', code: '', message } as const;
    return endCommand({ commandId, outcome });
  }

  /** Longer than the vendor works on a command nobody waits for it. */
  private resultMs({ longestMs }: CommandPolling): number {
    const { resultMs, timeoutMs } = this.input;
    return Math.min(resultMs ?? longestMs ?? timeoutMs, longestMs ?? Number.POSITIVE_INFINITY);
  }

  /** A poll that fails is repeated no sooner than the vendor's pace allows. */
  private poll({ firstMs }: CommandPolling, leftMs: number): CommandActivities['pollCommand'] {
    return activitiesFor<CommandActivities>('commands', {
      scheduleToCloseTimeout: leftMs,
      heartbeatTimeout: '8 seconds',
      retry: { initialInterval: Math.max(1000, firstMs), maximumInterval: Math.max(4000, firstMs) },
    }).pollCommand;
  }

  private async fail(name: string, message: string): Promise<CommandStep> {
    const { commandId } = this.input;
    const failed = { state: 'failed', name, code: '', message } as const;
    return { kind: 'ended', outcome: await endCommand({ commandId, outcome: failed }) };
  }

  private setStatus(phase: CommandStatus['phase'], detail: string, until: number | null): void {
    Object.assign(this, { phase, detail, until });
    this.show();
  }

  private status(): CommandStatus {
    const { phase, detail, until, outcome } = this;
    const block = outcome === null ? this.gate?.block : null;
    if (block) return { phase: 'waiting', detail: block.reason, until: block.until, outcome };
    return { phase, detail, until, outcome };
  }

  private show(): void {
    const { commandId, account, device, code } = this.input;
    const { phase, detail, until, outcome } = this.status();
    const state = outcome ? `${outcome.state}: ${outcome.name}` : phase;
    const head = [`**Command ${commandId}**: ${code} to ${device} of ${account}`, `**${state}**`];
    showDetails(head, { until, detail: outcome?.message || detail });
  }
}

type Queued = Extract<CommandStep, { kind: 'queued' }>;

interface Block {
  readonly name: string;
  /** Epoch ms; null when only an operator can end it. */
  readonly until: number | null;
  readonly message: string;
}

/** What keeps a call from being sent; null when that is not what has failed. */
function blockOf(error: unknown): Block | null {
  const failure = applicationFailure(error);
  const details = failure?.details?.[0];
  if (failure?.type === FAILURE.permitWait) {
    return { name: 'limit-used-up', until: (details as WaitDetails).until, message: failure.message };
  }
  if (failure?.type === FAILURE.poolClosed) {
    return { name: 'pool-closed', until: (details as PoolClosedDetails).until, message: failure.message };
  }
  return null;
}
