/** Which of a call's limits an answer is about, where the vendor does not say exactly. Pure. */
import { type LimitInstance, type LimitTemplate, scopeNames } from './limit';

/**
 * The limit that an announcement teaches: a limit of an operator's own for just such calls rather than the vendor's for
 * all of them, or the announcement of a rare kind would slow every other one.
 * @param named the vendor's limit that the announcement names.
 */
export function taughtBy(limits: readonly LimitInstance[], named: string): LimitInstance | undefined {
  const found = limits.find((l) => l.template.name === named);
  if (found === undefined) return undefined;
  const { unit } = found.template;
  return limits.find(({ template }) => template.match && template.unit === unit && isPace(template)) ?? found;
}

/** Keys of the limits that a refusal slows: the one that it names, or the narrowest pace of calls. */
export function slowedBy(limits: readonly LimitInstance[], named: string | null): string[] {
  if (named !== null) return limits.filter((l) => l.template.name === named).map((l) => l.key);
  const [narrowest] = limits
    .filter(({ template }) => isPace(template) && template.unit === 'calls' && template.mode === 'enforce')
    .sort((a, b) => narrowness(b.template) - narrowness(a.template));
  return narrowest === undefined ? [] : [narrowest.key];
}

/** A limit that refills within a short time. */
function isPace({ window }: LimitTemplate): boolean {
  return window.kind === 'token-bucket' || window.kind === 'spacing';
}

function narrowness({ scope, match = {} }: LimitTemplate): number {
  return scopeNames(scope).length + Object.keys(match).length;
}
