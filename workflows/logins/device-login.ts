/**
 * A login by device code: a code and a link are shown to a person, and the vendor is polled at its interval whether the
 * code has been entered. Timers are durable, so a restart polls on. Codes and tokens are in the database and never
 * here. A poll that fails is one poll less: the code's own time ends the login. The answer to a poll whose worker
 * died is found on its disk, or it is lost and the code used up: then the person is shown another code, once.
 */
import { ActivityFailure, condition, setHandler, workflowInfo } from '@temporalio/workflow';
import type { LoginActivities, LoginProgress, LoginStep } from '../../activities/logins/logins';
import {
  type CallFailureDetails,
  FAILURE,
  type PoolClosedDetails,
  type WaitDetails,
} from '../../quota/failures';
import type { LoginState } from '../../store/secrets/logins';
import { activitiesFor } from '../activity-queues';
import { showDetails } from '../details';
import { cancelSignal, type LoginStatus, loginStatusQuery, orderReason } from '../messages';
import { applicationFailure } from '../pools/pool-gate';

const { startLogin } = activitiesFor<LoginActivities>('commands', {
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '8 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '5 seconds', maximumAttempts: 3 },
});
const { pollLogin } = activitiesFor<LoginActivities>('commands', {
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '8 seconds',
  // A poll that has failed is not made again at once: the interval is the vendor's.
  retry: { maximumAttempts: 1 },
});
const { endLogin } = activitiesFor<LoginActivities>('commands', {
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
});

const ANOTHER = 'a second code: the first is used up, and its answer was lost';

/** RFC 8628, section 3.5. */
const SLOWER_BY_MS = 5_000;

export interface DeviceLoginResult {
  readonly state: LoginState;
  readonly message: string;
}

export async function deviceLogin(input: LoginStep): Promise<DeviceLoginResult> {
  return new DeviceLogin(input).run();
}

class DeviceLogin {
  private phase: LoginStatus['phase'] = 'starting';
  private detail = '';
  private until: number | null = null;
  private cancelReason: string | null = null;
  private askedAgain = false;

  constructor(private readonly input: LoginStep) {
    setHandler(cancelSignal, (cancel) => {
      this.cancelReason = orderReason(cancel);
    });
    setHandler(loginStatusQuery, () => ({ phase: this.phase, detail: this.detail, until: this.until }));
  }

  async run(): Promise<DeviceLoginResult> {
    this.show();
    const ended = await this.poll(await this.start());
    this.setStatus('done', `${ended.state}${ended.message && `: ${ended.message}`}`, null);
    return { state: ended.state, message: ended.message };
  }

  private async start(): Promise<LoginProgress> {
    try {
      return await startLogin(this.input);
    } catch (error) {
      return this.end('failed', reasonOf(error));
    }
  }

  private async poll(started: LoginProgress): Promise<Extract<LoginProgress, { kind: 'ended' }>> {
    if (started.kind === 'ended') return started;
    if (started.kind !== 'waiting') return this.end('failed', 'the vendor gave no code');
    const { expiresAt } = started;
    let { intervalMs } = started;
    let trouble = '';
    let unanswered = false;
    this.setStatus('waiting for the person', this.askedAgain ? ANOTHER : '', expiresAt);
    for (
      let next = Date.now() + intervalMs;
      next < expiresAt;
      next = Math.max(next, Date.now()) + intervalMs
    ) {
      if (await condition(() => this.cancelReason !== null, Math.max(1, next - Date.now()))) {
        return this.end('cancelled', this.cancelReason ?? '');
      }
      try {
        const progress = await pollLogin({ ...this.input, unanswered, mayAskAgain: !this.askedAgain });
        if (progress.kind === 'ended') return progress;
        if (progress.kind === 'lost') {
          this.askedAgain = true;
          return this.poll(await this.start());
        }
        if (progress.kind === 'slow-down') intervalMs += SLOWER_BY_MS;
        // Nobody has entered it so far: what was not answered has brought nothing.
        else unanswered = false;
        trouble = '';
      } catch (error) {
        const wait = waitOf(error);
        unanswered ||= mayHaveAnswered(error);
        if (wait === 'endless') return this.end('failed', reasonOf(error));
        trouble = `; the last answer was none: ${reasonOf(error)}`;
        next = Math.max(next, wait ?? 0);
      }
    }
    if (await condition(() => this.cancelReason !== null, Math.max(1, expiresAt - Date.now()))) {
      return this.end('cancelled', this.cancelReason ?? '');
    }
    return this.end('expired', `the code was not entered in time${trouble}`);
  }

  private async end(
    state: Exclude<LoginState, 'starting' | 'waiting'>,
    message: string,
  ): Promise<Extract<LoginProgress, { kind: 'ended' }>> {
    const ended = await endLogin({ ...this.input, state, message });
    return ended.kind === 'ended' ? ended : { kind: 'ended', state, message };
  }

  private setStatus(phase: LoginStatus['phase'], detail: string, until: number | null): void {
    Object.assign(this, { phase, detail, until });
    this.show();
  }

  private show(): void {
    const { phase, detail, until } = this;
    const head = [`**Login** to ${this.input.account} (${workflowInfo().workflowId})`, `**${phase}**`];
    showDetails(head, { until, detail });
  }
}

function reasonOf(error: unknown): string {
  const failure = applicationFailure(error);
  return failure?.message ?? (error instanceof ActivityFailure ? error.message : String(error));
}

/** Whether the poll may have brought something that nobody has heard of. */
function mayHaveAnswered(error: unknown): boolean {
  const failure = applicationFailure(error);
  if (failure?.type === FAILURE.server) {
    const details = failure.details?.[0] as CallFailureDetails | undefined;
    return details?.ambiguous ?? true;
  }
  const { permitWait, poolClosed, rate } = FAILURE;
  return ![permitWait, poolClosed, rate].some((type) => type === failure?.type);
}

/** Until when calls wait, epoch ms; `endless` where only an operator ends it; null for any other failure. */
function waitOf(error: unknown): number | 'endless' | null {
  const failure = applicationFailure(error);
  const details = failure?.details?.[0];
  if (failure?.type === FAILURE.permitWait) return (details as WaitDetails).until;
  if (failure?.type === FAILURE.poolClosed) return (details as PoolClosedDetails).until ?? 'endless';
  return null;
}
