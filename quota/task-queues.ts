/**
 * Bulkheads: each kind of work has an activity task queue of its own, so that none waits for a slot that another
 * holds. Workflows, and the short activities of pools and operators, use the task queue of the settings. The other
 * queues are named after it, with the kind of work as a suffix.
 */
export const WORK_KINDS = ['commands', 'reports', 'texts', 'fleets'] as const;
export type WorkKind = (typeof WORK_KINDS)[number];

/** Activities that one worker process runs at a time; vendor calls are bounded by permits, not by these. */
export const ACTIVITY_SLOTS: Readonly<Record<WorkKind | 'control', number>> = {
  control: 100,
  commands: 100,
  reports: 100,
  texts: 200,
  fleets: 100,
};

/** @param base the task queue of the settings. */
export function activityQueue(base: string, kind: WorkKind): string {
  return `${base}-${kind}`;
}

/** Every task queue that a worker takes work of, the settings' own first. */
export function allQueues(base: string): string[] {
  return [base, ...WORK_KINDS.map((kind) => activityQueue(base, kind))];
}
