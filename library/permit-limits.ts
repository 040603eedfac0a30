/** The limits that a program defines, checked on entry. */
import { z } from 'zod';
import type { LimitInstance, LimitWindow, Reserve } from '../quota/limits/limit';
import { PermitError } from './permit-error';

export interface PermitLimit {
  /** Unique among these, e.g. `requests`. */
  readonly name: string;
  /** What it counts. Default `calls`. */
  readonly unit?: 'calls' | 'tokens';
  readonly window: LimitWindow;
  /** The share that lower priorities leave untouched. Default: none. */
  readonly reserve?: Reserve;
}

const positive = z.number().positive().finite();
const share = z.number().min(0).lt(1).optional();
const zone = z.string().refine((name) => {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}, 'is no IANA time zone such as UTC or Europe/Berlin');
const window = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('token-bucket'), ratePerSecond: positive, burst: positive.min(1) }),
  z.strictObject({ kind: z.literal('spacing'), ms: positive }),
  z.strictObject({ kind: z.literal('rolling'), count: positive, ms: positive }),
  z.strictObject({
    kind: z.literal('calendar'),
    count: positive,
    per: z.enum(['minute', 'hour', 'day', 'month']),
    zone,
  }),
  z.strictObject({ kind: z.literal('vendor-reset'), count: positive }),
]);
const text = z.string().regex(/^[\w.-]+(?:\/[\w.-]+)*$/, 'is made of letters, digits, ".", "-", "_" and "/"');
const schema = z.object({
  name: text,
  limits: z.array(
    z.strictObject({
      name: text,
      unit: z.enum(['calls', 'tokens']).default('calls'),
      window,
      reserve: z.strictObject({ background: share, scheduled: share, live: share }).optional(),
    }),
  ),
});

/** @throws PermitError `invalid`, naming the field. */
export function checkedLimits(options: {
  readonly name: string;
  readonly limits: readonly PermitLimit[];
  readonly sharedLimits?: readonly unknown[] | undefined;
}): LimitInstance[] {
  const checked = schema.safeParse(options);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new PermitError('invalid', `${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { name, limits } = checked.data;
  const names = limits.map((limit) => limit.name);
  const twice = names.find((one, i) => names.indexOf(one) !== i);
  if (twice !== undefined) throw new PermitError('invalid', `limits: "${twice}" is there twice`);
  if (limits.length === 0 && !options.sharedLimits?.length) {
    throw new PermitError('invalid', 'limits: name at least one, or a shared one');
  }
  return options.limits.map((limit) => ({
    key: `${name}/${limit.name}`,
    template: {
      ...limit,
      unit: limit.unit ?? 'calls',
      operations: '*',
      scope: '',
      mode: 'enforce',
      source: `opened by ${name}`,
    },
  }));
}

/** @throws PermitError `invalid`. */
export function checkAmount(name: string, value: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isFinite(value) && value >= 0 && value <= most) return;
  throw new PermitError('invalid', `${name}: ${value} must be a number from 0 to ${most}`);
}
