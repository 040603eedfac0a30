/**
 * OpenAI: requests and tokens a minute for each project and model (some models share), and a daily limit for whoever sets one. The numbers depend on
 * the account's tier and come with every answer (`x-ratelimit-limit-*`), so the ones here are a start that headers
 * replace: tier 3's 5,000 requests and 4,000,000 tokens a minute.
 *
 * OpenAI refills continuously (its reset headers count down to a full bucket), so both are token buckets whose burst
 * is the amount of a minute.
 *
 * Source: platform.openai.com/docs/guides/rate-limits.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../quota/durations';
import type { LimitTemplate } from '../../quota/limits/limit';
import type { PoolPolicy } from '../../quota/pools/state';
import type { RetryPolicies } from '../../quota/retry-delay';
import type { VendorRules } from '../contract';
import type { OpenAiAccount } from './settings';

const SOURCE = 'OpenAI rate limit guide, tier 3';

/** Operations that the minute's limits are charged for. */
export const OPENAI_METERED = ['createResponse'] as const;

/** Calls of the Files and Batch APIs; what a batch's requests cost is charged to a queue of the vendor's own. */
export const OPENAI_BATCH_OPERATIONS = {
  upload: 'uploadFile',
  create: 'createBatch',
  get: 'getBatch',
  list: 'listBatches',
  cancel: 'cancelBatch',
  download: 'downloadFile',
} as const;

export const OPENAI_OPERATIONS: readonly string[] = [
  ...OPENAI_METERED,
  ...Object.values(OPENAI_BATCH_OPERATIONS),
];

export const openaiAttributes: VendorRules['attributes'] = {
  model: { of: OPENAI_METERED, about: 'the model, as the request names it' },
  modelGroup: {
    of: OPENAI_METERED,
    about: 'the group in `modelGroups` that holds the model, else the model',
  },
  project: { of: 'account', about: "the account's `project`" },
};

/** Of a call that asks `model` for something. */
export function modelAttributes(
  { modelGroups }: Pick<OpenAiAccount, 'modelGroups'>,
  model: string,
): Record<string, string> {
  const group = Object.entries(modelGroups).find(([, models]) => models.includes(model))?.[0];
  return { model, modelGroup: group ?? model };
}

/** The share of a daily limit that background work leaves untouched: it pauses at 0.8 (`--quota-threshold`). */
const PAUSE_THRESHOLD_RESERVE = { background: 0.2 } as const;

export const openaiLimits: readonly LimitTemplate[] = [
  {
    name: 'requests',
    operations: OPENAI_METERED,
    scope: '{account}/{modelGroup}',
    unit: 'calls',
    window: { kind: 'token-bucket', ratePerSecond: 5000 / 60, burst: 5000 },
    mode: 'enforce',
    source: SOURCE,
  },
  {
    name: 'tokens',
    operations: OPENAI_METERED,
    scope: '{account}/{modelGroup}',
    unit: 'tokens',
    window: { kind: 'token-bucket', ratePerSecond: 4_000_000 / 60, burst: 4_000_000 },
    mode: 'enforce',
    source: SOURCE,
  },
  {
    name: 'daily',
    operations: OPENAI_METERED,
    scope: '{account}',
    unit: 'calls',
    // Nobody's limit until settings or --daily-limit name one: then it is enforced.
    window: { kind: 'calendar', count: 1_000_000_000, per: 'day', zone: 'UTC' },
    reserve: PAUSE_THRESHOLD_RESERVE,
    mode: 'shadow',
    source: 'no daily limit is set',
  },
  {
    name: 'file-uploads',
    operations: [OPENAI_BATCH_OPERATIONS.upload],
    scope: '{account}',
    unit: 'calls',
    window: { kind: 'rolling', count: 1000, ms: 60_000 },
    mode: 'enforce',
    source: 'OpenAI Files API reference: 1,000 uploads a minute',
  },
  {
    name: 'batch-creates',
    operations: [OPENAI_BATCH_OPERATIONS.create],
    scope: '{account}',
    unit: 'calls',
    window: { kind: 'rolling', count: 2000, ms: HOUR_MS },
    mode: 'enforce',
    source: 'OpenAI Batch guide: 2,000 batches an hour',
  },
  {
    name: 'batch-polls',
    operations: [
      OPENAI_BATCH_OPERATIONS.get,
      OPENAI_BATCH_OPERATIONS.list,
      OPENAI_BATCH_OPERATIONS.cancel,
      OPENAI_BATCH_OPERATIONS.download,
    ],
    scope: '{account}',
    unit: 'calls',
    window: { kind: 'rolling', count: 300, ms: 60_000 },
    mode: 'enforce',
    source: 'no limit is published; a modest one of our own',
  },
];

/** By OpenAI's guide a minute; some models' and tiers' requests, and others' (Groq's), are a day's. */
export const OPENAI_ANNOUNCED_WINDOWS: readonly number[] = [
  MINUTE_MS,
  HOUR_MS,
  DAY_MS,
  7 * DAY_MS,
  30 * DAY_MS,
];

export const openaiPool: PoolPolicy = {
  // Seed: quota 300 → 3600 s.
  unknownQuotaMs: 5 * MINUTE_MS,
  unknownQuotaFactor: 2,
  unknownQuotaMaxMs: HOUR_MS,
  absurdWaitMs: 7 * DAY_MS,
  breakerFailures: 5,
  breakerOpenMs: MINUTE_MS,
  probeTimeoutMs: 3 * MINUTE_MS,
  hintAfterStrikes: 5,
  hint: 'the quota error has outlasted 5 cooldowns: check the project and its limits in the OpenAI console',
};

/**
 * Seed: rate 60 → 300 s, server 0.5 → 4 s, 10 % jitter; Retry-After wins. What is too fast is so for all callers: an item
 * that was refused has no attempt the less, so only the limit itself can know how often in a row it was.
 */
export const openaiRetry: RetryPolicies = {
  rate: { baseMs: MINUTE_MS, maxMs: 5 * MINUTE_MS, attempts: 6, shared: true },
  server: { baseMs: 500, maxMs: 4000, attempts: 5 },
};
