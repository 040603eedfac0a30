/** How much of each limit was used, as the vendor counted and as we did. Pure, but for the request to a simulator. */
import { z } from 'zod';
import type { LimitStatus } from '../../../store/permits/permits';

const reportSchema = z.object({
  limit: z.string(),
  scope: z.string(),
  allowed: z.number(),
  worst: z.number(),
  arrivals: z.number(),
  violations: z.number(),
});
const statsSchema = z.object({ limits: z.array(reportSchema) });
export type SeenLimit = z.infer<typeof reportSchema>;

export interface LimitUse {
  readonly limit: string;
  /** Whose it is; of many with one name, how many there are. */
  readonly scope: string;
  readonly allowed: number;
  /** The most calls that any one window held at the vendor, refused ones included; null when it cannot be asked. */
  readonly most: number | null;
  /** Calls that arrived at the vendor under it, and those that it refused. */
  readonly arrived: number | null;
  readonly refused: number | null;
  /** Permits that we have given under it. */
  readonly granted: number;
}

/** What a simulated vendor has counted. @throws when it does not answer. */
export async function limitsSeen(simulatorUrl: string): Promise<readonly SeenLimit[]> {
  const answer = await fetch(`${simulatorUrl}/_sim/stats`, { signal: AbortSignal.timeout(30_000) });
  return statsSchema.parse(await answer.json()).limits;
}

/** One line for each limit of ours; the vendor's numbers where it has them. */
export function limitUse(ours: readonly LimitStatus[], seen: readonly SeenLimit[] | null): LimitUse[] {
  const names = [...new Set(ours.map((limit) => limit.name))];
  return names.flatMap((name) => {
    const own = ours.filter((limit) => limit.name === name);
    const theirs = seen?.filter((limit) => limit.limit === name) ?? null;
    const granted = own.reduce((sum, limit) => sum + limit.grantedCalls, 0);
    if (granted === 0 && !theirs?.length) return [];
    // Of many, the one that came nearest to what it allows.
    const fullest =
      theirs?.reduce<SeenLimit | null>((a, b) => (a && useOf(a) >= useOf(b) ? a : b), null) ?? null;
    const sum = (pick: (limit: SeenLimit) => number) =>
      theirs === null || theirs.length === 0 ? null : theirs.reduce((total, limit) => total + pick(limit), 0);
    return {
      limit: name,
      scope: scopeText(own, theirs),
      allowed: fullest?.allowed ?? Math.min(...own.map((l) => l.limit)),
      most: fullest?.worst ?? null,
      arrived: sum((l) => l.arrivals),
      refused: sum((l) => l.violations),
      granted,
    };
  });
}

function scopeText(ours: readonly LimitStatus[], theirs: readonly SeenLimit[] | null): string {
  const scopes = theirs?.length ? theirs.map((l) => l.scope) : ours.map(scopeOf);
  const [only] = scopes;
  return only !== undefined && scopes.length === 1 ? only : `fullest of ${scopes.length}`;
}

const useOf = ({ worst, allowed }: SeenLimit) => worst / Math.max(1, allowed);

/** What stands between the vendor and the limit's name in its key. */
function scopeOf({ key }: LimitStatus): string {
  return key.split('/').slice(1, -1).map(decodeURIComponent).join('/');
}
