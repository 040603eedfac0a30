/**
 * The permits of `take_permits` once more, as plainly as can be: every charge is kept for ever in a list, and each
 * decision reads all of it. Slow and short, so that it can be checked by reading. Times are epoch ms.
 */
import { type LimitTemplate, type Priority, priorityRank } from '../../../quota/limits/limit';
import { ModelLimit } from './limit-model';

export interface ModelRequest {
  readonly priority: Priority;
  readonly charges: readonly { readonly key: string; readonly units: number }[];
}

export type ModelDecision =
  | { readonly granted: true; readonly departAt: number }
  /** `readyAt`: the earliest departure if nothing else happens; Infinity when that never comes. */
  | { readonly granted: false; readonly readyAt: number };

export class PermitModel {
  private readonly limits = new Map<string, ModelLimit>();

  constructor(limits: readonly { readonly key: string; readonly template: LimitTemplate }[]) {
    for (const l of limits) this.limits.set(l.key, new ModelLimit(l.template));
  }

  limit(key: string): ModelLimit {
    const limit = this.limits.get(key);
    if (!limit) throw new Error(`the model has no limit "${key}"`);
    return limit;
  }

  /** Decides a batch at `now`, the more important first, otherwise in order. Answers in the order of the requests. */
  take(requests: readonly ModelRequest[], leadMs: number, now: number): ModelDecision[] {
    const decisions: ModelDecision[] = [];
    const order = requests
      .map((request, i) => ({ request, i, rank: priorityRank(request.priority) }))
      .sort((a, b) => b.rank - a.rank || a.i - b.i);
    for (const { request, i, rank } of order) decisions[i] = this.decide(request, rank, leadMs, now);
    return decisions;
  }

  private decide(request: ModelRequest, rank: number, leadMs: number, now: number): ModelDecision {
    const charges = request.charges.map((c) => ({ units: c.units, limit: this.limit(c.key) }));
    // The earliest time at which every limit is ready: ask all of them again at the latest answer until none moves it.
    let at = now;
    for (let before = Number.NaN; before !== at && at < Number.POSITIVE_INFINITY; ) {
      before = at;
      for (const { units, limit } of charges) {
        if (!limit.enforced) continue;
        const ready = limit.earliest(units, rank, before);
        const claimed = limit.claim.rank > rank ? limit.claim.until : 0;
        at = Math.max(at, ready, claimed);
      }
    }
    if (at > now + leadMs) {
      const [only] = charges;
      if (charges.length === 1 && only && rank > 0 && at < now + only.limit.claimHorizonMs) {
        if (only.limit.claim.rank <= rank || only.limit.claim.until < now) {
          only.limit.claim = { rank, until: at + 100 };
        }
      }
      return { granted: false, readyAt: at };
    }
    for (const { units, limit } of charges) {
      limit.charge(units, rank, at, !limit.enforced && limit.earliest(units, rank, at) > at);
    }
    return { granted: true, departAt: at };
  }
}
