/** Reports to operators, once a window, that less important work is paused to leave quota for more important work. */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type LimitInstance, scopeNames } from '../../../quota/limits/limit';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import { recordReservePause } from '../../../store/events/alerts';
import type { DeniedPermit } from '../../../store/permits/permits';
import { logEvent } from '../../log/emit';
import type { CallTerms } from '../call-terms';

export class ReserveWatch {
  /** Until when this process reports nothing more for each pool, limit and priority, epoch ms. */
  private readonly quietUntil = new Map<string, number>();

  constructor(private readonly deps: { readonly db: Pool; readonly log: Logger }) {}

  /** Looks at a permit that was denied. */
  async note(call: CallTerms, limits: readonly LimitInstance[], denied: DeniedPermit): Promise<void> {
    const { priority, account } = call;
    const template = limits.find((l) => l.key === denied.deniedBy)?.template;
    if (template === undefined || priority === 'interactive' || !template.reserve?.[priority]) return;
    // One that is only watched holds calls back only when the vendor refuses them.
    if (template.mode !== 'enforce') return;
    // Only what comes back with its window is kept for others; a pace comes back all the time.
    if (template.window.kind !== 'calendar' && template.window.kind !== 'vendor-reset') return;
    if (!isAccountWide(template.scope, account)) return;
    // Accounts that share the limit pause each for itself.
    const id = `${account.poolKey} ${priority} ${denied.deniedBy}`;
    if ((this.quietUntil.get(id) ?? 0) > denied.now) return;
    this.quietUntil.set(id, denied.retryAt ?? denied.now);
    const limit = denied.deniedBy;
    const paused = await recordReservePause(this.deps.db, account.poolKey, limit, priority);
    if (paused === null) return;
    logEvent(
      this.deps.log,
      'limit.reserve',
      { ...paused, pool: account.poolKey },
      `${limit}: ${priority} work pauses, the rest is kept for what is more important`,
    );
  }
}

/** A limit of one device concerns that device's work; thousands of them would drown what concerns all. */
export function isAccountWide(scope: string, account: CallableAccount): boolean {
  const known = ['vendor', 'account', ...Object.keys(account.attributes ?? {})];
  return scopeNames(scope).every((name) => known.includes(name));
}
