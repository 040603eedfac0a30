/** Reports work that sleeps because a limit is used up: the event `limit.waiting`. */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { LimitInstance } from '../../../quota/limits/limit';
import { recordLimitWait } from '../../../store/permits/limit-waits';
import type { DeniedPermit } from '../../../store/permits/permits';
import { logEvent } from '../../log/emit';
import { warnOnce } from '../../log/warn-once';
import type { CallTerms } from '../call-terms';
import { isAccountWide } from './reserve-watch';

/** A process asks Postgres at most this often whether a wait is news, ms. */
const QUIET_MS = 2_000;

export class WaitWatch {
  /** Until when this process reports nothing more for each pool, limit and caller, by the database's clock, epoch ms. */
  private readonly quietUntil = new Map<string, number>();

  constructor(private readonly deps: { readonly db: Pool; readonly log: Logger }) {}

  /** Looks at a permit that a limit has denied for longer than is waited for in place. Throws nothing. */
  async note(call: CallTerms, limits: readonly LimitInstance[], denied: DeniedPermit): Promise<void> {
    const { account, caller, priority, tellsWaits } = call;
    const { deniedBy: limit, retryAt, now } = denied;
    if (tellsWaits || retryAt === null) return;
    const template = limits.find(({ key }) => key === limit)?.template;
    if (template === undefined) return;
    const pool = account.poolKey;
    // Accounts that share the limit wait each for itself.
    const id = `${pool} ${caller} ${limit}`;
    if ((this.quietUntil.get(id) ?? 0) > now) return;
    this.quietUntil.set(id, Math.max(retryAt, now + QUIET_MS));
    try {
      const reported = await recordLimitWait(this.deps.db, {
        ...{ pool, limit, caller, priority, until: retryAt },
        name: isAccountWide(template.scope, account) ? null : template.name,
      });
      if (reported !== null)
        logEvent(
          this.deps.log,
          'limit.waiting',
          { ...reported, pool },
          `${caller} waits: ${String(reported.reason)}`,
        );
    } catch (error) {
      warnOnce(this.deps.log, { limit }, error, 'a wait could not be reported');
    }
  }
}
