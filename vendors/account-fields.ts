/**
 * The fields that account settings of all vendors share. A vendor's `settings.ts` builds its account schema from
 * these.
 */
import { z } from 'zod';
import { isTimeZone } from '../quota/calendar';
import { DAY_MS, HOUR_MS } from '../quota/durations';

/** Where a secret is kept; the secret itself is read in activities only, at the moment it is needed. */
export type SecretRef = `${'env' | 'file' | 'vault'}:${string}`;

export const SECRET_REF_PATTERN =
  /^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+|vault:[A-Za-z0-9][A-Za-z0-9._/@-]*)$/;

/** `env:NAME`, `file:/path` or `vault:name`. A literal secret is refused, and never repeated in the message. */
const SECRET_REF =
  'must be a reference to a secret (env:NAME, file:/path or vault:name); the secret itself must not stand here';
export const secretRef = z
  .string({ error: SECRET_REF })
  .regex(SECRET_REF_PATTERN, { error: SECRET_REF })
  .transform((text) => text as SecretRef)
  .meta({ writeOnly: true, description: 'A reference to a secret: env:NAME, file:/path or vault:name.' });

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: HOUR_MS, d: DAY_MS } as const;
const FIELD_UNIT_MS = {
  milliseconds: 1,
  seconds: 1000,
  minutes: 60_000,
  hours: HOUR_MS,
  days: DAY_MS,
} as const;
export type DurationUnit = keyof typeof FIELD_UNIT_MS;

/** A number alone is in the field's unit: that is how it arrives from a `${NAME}` reference. */
const DURATION_PATTERN = /^(?:\d+(?:\.\d+)?|(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+)$/;

/** `90s`, `30m`, `1h30m` in units of `unit`; a number alone is taken as it is. */
function parseDuration(text: string, unit: DurationUnit): number {
  if (/^[\d.]+$/.test(text)) return Number(text);
  let totalMs = 0;
  for (const [, amount, suffix] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * UNIT_MS[suffix as keyof typeof UNIT_MS];
  }
  return totalMs / FIELD_UNIT_MS[unit];
}

/**
 * A duration given as a number of `unit`, or as text with its own unit (`30m`, `6h`, `1h30m`). Comes out as a
 * number of `unit`.
 */
export function duration(
  unit: DurationUnit,
  bounds: { readonly min?: number; readonly max?: number; readonly whole?: boolean } = {},
) {
  const min = bounds.min ?? 0;
  const max = bounds.max ?? Number.MAX_SAFE_INTEGER;
  const range = bounds.max === undefined ? `at least ${min}` : `from ${min} to ${max}`;
  const expected = `must be ${bounds.whole ? 'a whole number' : 'a number'} of ${unit} ${range}, or text such as ${EXAMPLES[unit]}`;
  return z
    .union([z.number(), z.string().regex(DURATION_PATTERN, expected)], { error: expected })
    .transform((value) => (typeof value === 'number' ? value : parseDuration(value, unit)))
    .refine((value) => value >= min && value <= max && (!bounds.whole || Number.isInteger(value)), {
      error: expected,
    })
    .meta({
      description: `${bounds.whole ? 'Whole number' : 'Number'} of ${unit} (${range}), or text such as ${EXAMPLES[unit]}.`,
    });
}

const EXAMPLES: Readonly<Record<DurationUnit, string>> = {
  milliseconds: '"200ms"',
  seconds: '"90s"',
  minutes: '"30m"',
  hours: '"6h"',
  days: '"7d"',
};

export const positive = z.number({ error: 'must be a number above 0' }).positive('must be a number above 0');
export const wholePositive = z
  .number({ error: 'must be a whole number, at least 1' })
  .int('must be a whole number, at least 1')
  .positive('must be a whole number, at least 1');
const share = z
  .number({ error: 'must be a share from 0 to below 1' })
  .min(0, 'must be a share from 0 to below 1')
  .lt(1, 'must be a share from 0 to below 1');

const ZONE = 'must be an IANA time zone such as UTC or Europe/Berlin';
export const timeZone = z.string({ error: ZONE }).refine(isTimeZone, { error: ZONE });

export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
  .refine((text) => !URL.canParse(text) || new URL(text).username + new URL(text).password === '', {
    error: 'must not hold a name or a password; give credentials by reference',
  })
  .refine((text) => !text.includes('#'), { error: 'must not have a fragment (#…): it is never sent' });

/** Where an API's paths are put behind it: a query would end up in their middle or be lost. */
export const pathUrl = httpUrl.refine((text) => !text.includes('?'), {
  error: 'must not have a query (?…): paths are appended to it',
});

const ATTRIBUTE = 'must be a list of names of attributes such as [account] or [application, reportType]';
const attributeName = z.string({ error: ATTRIBUTE }).regex(/^\w+$/, ATTRIBUTE);
const VALUE = 'must be text, or a list of texts';
const matched = z.string({ error: VALUE }).min(1, VALUE);
const OPERATIONS = "must be '*' or a list of operations";

/** One limit: overrides of a vendor's, by its name, or one of an operator's own. Which keys apply depends on its window. */
export const limitOverride = z.strictObject({
  operations: z
    .union([z.literal('*'), z.array(z.string({ error: OPERATIONS }).min(1, OPERATIONS)).min(1, OPERATIONS)], {
      error: OPERATIONS,
    })
    .optional()
    .describe("A limit of your own: operations that are charged to it, or '*'. Makes a name a new limit."),
  scope: z
    .array(attributeName, { error: ATTRIBUTE })
    .min(1, ATTRIBUTE)
    .optional()
    .describe(
      'Whose calls are counted together: those with the same values of these attributes, e.g. [account], [application, reportType]. A new limit without it is per account.',
    ),
  match: z
    .record(attributeName, z.union([matched, z.array(matched).min(1, VALUE)], { error: VALUE }), {
      error: 'must be a map of attributes to values such as {reportType: GET_REPORT}',
    })
    .optional()
    .describe('A limit of your own: only calls with these values are charged to it.'),
  unit: z
    .enum(['calls', 'tokens'], { error: 'must be calls or tokens' })
    .optional()
    .describe('A limit of your own: what is counted, default calls.'),
  ratePerSecond: positive.optional().describe('Token bucket: units refilled a second.'),
  burst: wholePositive.optional().describe('Token bucket: units that may go at once.'),
  count: wholePositive.optional().describe('Rolling, calendar and vendor-reset limits: units a window.'),
  ms: duration('milliseconds', { min: 1, whole: true })
    .optional()
    .describe('Spacing: least time between starts. Rolling: length of the window.'),
  per: z
    .enum(['minute', 'hour', 'day', 'month'], { error: 'must be minute, hour, day or month' })
    .optional()
    .describe('Calendar: which calendar unit.'),
  zone: timeZone.optional().describe('Calendar: IANA zone.'),
  reserve: z
    .strictObject({ background: share.optional(), scheduled: share.optional(), live: share.optional() })
    .optional()
    .describe('Shares that a priority must leave untouched: background 0.2 pauses background work at 80 %.'),
  mode: z
    .enum(['enforce', 'shadow'], { error: 'must be enforce or shadow' })
    .optional()
    .describe('shadow counts and reports but does not stop.'),
  slackMs: duration('milliseconds')
    .optional()
    .describe('Held this much longer than the vendor does, for calls travel for unequal times.'),
});
export type LimitOverride = z.infer<typeof limitOverride>;

/** Overrides of the pool's policy: how long an account pauses. */
export const poolOverride = z.strictObject({
  cooldownMinutes: duration('minutes', { min: 0.001 })
    .optional()
    .describe('First pause after a quota of unknown length (env QUOTA_COOLDOWN_MINUTES).'),
  cooldownFactor: z
    .number({ error: 'must be a number, at least 1' })
    .min(1, 'must be a number, at least 1')
    .optional()
    .describe('Each further quota in a row lengthens the pause by this factor.'),
  cooldownMaxMinutes: duration('minutes', { min: 0.001 })
    .optional()
    .describe('Cap on a pause of unknown length; a time that the vendor states is never cut short.'),
  absurdWaitHours: duration('hours', { min: 0.001 })
    .optional()
    .describe('A stated wait beyond this holds the pool for an operator instead.'),
  breakerFailures: wholePositive.optional().describe('Service failures in a row that open the breaker.'),
  breakerOpenSeconds: duration('seconds', { min: 0.001 })
    .optional()
    .describe('How long the breaker stays open.'),
  probeTimeoutSeconds: duration('seconds', { min: 0.001 })
    .optional()
    .describe(
      'A probe without a result for this long counts as lost; at least the longest wait for an answer and a little more.',
    ),
  recheckMinutes: duration('minutes', { min: 0.001 })
    .optional()
    .describe(
      'A pool held for refused credentials lets one call probe after this, and then at growing intervals. Default at Amazon: 15; elsewhere an operator ends it, or a new login where tokens come from one.',
    ),
  hintAfterStrikes: wholePositive.optional().describe('Cooldowns in a row before the hint is shown.'),
});
export type PoolOverride = z.infer<typeof poolOverride>;

const backoffOverride = z.strictObject({
  baseMs: duration('milliseconds', { min: 1 }).optional().describe('First wait; doubles from there.'),
  maxMs: duration('milliseconds', { min: 1 }).optional().describe('Longest wait.'),
  attempts: wholePositive.optional().describe('All tries, the first included.'),
});

export const retryOverride = z.strictObject({
  rate: backoffOverride.optional().describe('After "too fast".'),
  server: backoffOverride.optional().describe("After the vendor's own failures and timeouts."),
});
export type RetryOverride = z.infer<typeof retryOverride>;

const GROUP = 'must be text of 1 to 200 characters';
const groupName = z.string({ error: GROUP }).min(1, GROUP).max(200, GROUP);
const LIMIT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const LIMIT_NAME_ERROR = 'must be a name of letters, digits, dot, dash and underscore';

/** The keys that every vendor's account has besides `vendor`. Spread them into the vendor's strictObject. */
export const commonAccountFields = {
  application: groupName
    .optional()
    .describe(
      'The application (client) at the vendor that calls are made with. Accounts that name the same one share the limits whose scope names it.',
    ),
  organization: groupName
    .optional()
    .describe(
      'The organization at the vendor. Accounts that name the same one share the limits whose scope names it.',
    ),
  enabled: z.boolean({ error: 'must be true or false' }).default(true).describe('false: no work is started.'),
  limits: z
    .record(z.string().regex(LIMIT_NAME, LIMIT_NAME_ERROR), limitOverride)
    .optional()
    .describe('Overrides of limits by name, and limits of your own.'),
  pool: poolOverride.optional().describe('Overrides of pauses and of the breaker.'),
  retry: retryOverride.optional().describe('Overrides of retry delays.'),
};
