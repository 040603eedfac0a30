/** A vendor's limits at a test's pace, for both sides: so small that calls wait, and so short that waits end soon. */
import type { LimitTemplate } from '../../../quota/limits/limit';
import type { RunningSimulator } from '../../../vendors/kit/server/server';
import type { Vendor } from '../../../vendors/registry';

/**
 * Sets the simulator's limits.
 * @returns `limits` of an account that keeps to them.
 */
export function quickLimits(vendor: Vendor, running: RunningSimulator): Readonly<Record<string, object>> {
  const own = vendor.rules.limits.map(quick);
  const changes = own.flatMap(({ name, kind, theirs }) => {
    const there = running.limits.limit(name)?.window.kind;
    // One that the vendor counts in another way than its rules say is not made smaller, and so not tried.
    return there === undefined
      ? []
      : [[name, there === kind ? { ...theirs, enforced: true } : { enforced: false }]];
  });
  running.control({ limits: Object.fromEntries(changes), resetLimits: true });
  return Object.fromEntries(own.map(({ name, ours }) => [name, ours]));
}

function quick({ name, window, unit }: LimitTemplate) {
  const slack = { slackMs: 250 };
  const sizes: Record<LimitTemplate['window']['kind'], Readonly<Record<string, number>>> = {
    'token-bucket': { ratePerSecond: 10, burst: 3 },
    spacing: { ms: 100 },
    rolling: { count: 3, ms: 500 },
    // Days cannot be made shorter: they are made large enough.
    calendar: { count: 10_000 },
    'vendor-reset': { count: 10_000 },
  };
  const size = unit === 'calls' ? sizes[window.kind] : {};
  return { name, kind: window.kind, theirs: size, ours: { ...size, ...(unit === 'calls' ? slack : {}) } };
}

/** Lets the simulator refuse nothing, until `quickLimits` sets its limits again. */
export function withoutLimits(running: RunningSimulator): void {
  const names = running.limits.names();
  running.control({
    limits: Object.fromEntries(names.map((name) => [name, { enforced: false }])),
    resetLimits: true,
  });
}
