/** What several results have in common, as JSON: instants in ISO 8601, null for what is unknown. */
import type { Standstill } from '../../quota/pools/standstill';
import type { WorkStatus } from '../../workflows/messages';
import type { Span } from './fields';
import { isoOrNull } from './time-text';

export function waitJson(wait: Standstill | null) {
  return wait && { ...wait, since: isoOrNull(wait.since), until: isoOrNull(wait.until) };
}

export function workStatusJson(status: WorkStatus | null) {
  if (status === null) return null;
  // Which limit it is, and what frees it, is told by the wait.
  const { limit: _, ...rest } = status;
  return { ...rest, until: isoOrNull(rest.until), since: isoOrNull(rest.since ?? null) };
}

export function spanJson({ from, to }: Span) {
  return { from: isoOrNull(from), to: isoOrNull(to) };
}
