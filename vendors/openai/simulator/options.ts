/**
 * Everything about the OpenAI simulator that can be set, as one schema: a scenario file, the options of
 * `startOpenAiSimulator` and the defaults are the same thing. Durations say their unit in their name.
 */
import { z } from 'zod';
import { DAY_MS, HOUR_MS } from '../../../quota/durations';
import type { VendorLimit } from '../../kit/judge/limit-book';
import { range, serverFields } from '../../kit/server/start';
import { errorSchema } from './answers/error-book';
import { oddAnswerSchema } from './answers/odd-answers';

const share = (value: number) => z.number().min(0).max(1).default(value);

/** A project that may call. Without any, `sk-bios` is the key of the project `bios`; see `keys.ts`. */
const projectSchema = z.strictObject({
  name: z.string().min(1),
  apiKey: z.string().min(1),
  organization: z.string().min(1).default('org-simulator'),
});

const modelSchema = z.strictObject({
  id: z.string().min(1),
  /** Answers begin with a reasoning item, and usage counts its tokens. */
  reasoning: z.boolean().default(false),
});

/** How the headers of limits and waits look; OpenAI's by default, others' when configured. */
export const headerFormSchema = z.strictObject({
  /** All six `x-ratelimit-*`: as OpenAI sends them, absent, or Azure's -1 or 0 for "unknown". */
  rateLimit: z.enum(['present', 'missing', 'minus-one', 'zero']).default('present'),
  retryAfter: z.enum(['seconds', 'http-date', 'missing']).default('seconds'),
  /** Whether `retry-after-ms` goes with it. */
  retryAfterMs: z.boolean().default(true),
  /** Header names, lower case, left out of every answer. */
  omit: z.array(z.string().min(1)).default([]),
  /** Sent verbatim on every answer that has limits, e.g. `x-ratelimit-reset-requests: 6m0s`. */
  set: z.record(z.string(), z.string()).default({}),
});
export type HeaderForm = z.output<typeof headerFormSchema>;

/** How the next matching batches end, instead of as their speed and window would have it. */
export const batchOutcomeSchema = z.strictObject({
  project: z.string().default('*'),
  /** How many batches; without it, all of them. */
  count: z.int().positive().optional(),
  end: z.enum(['failed', 'expired', 'completed']),
  /** Share of the requests answered before it expires. */
  doneShare: share(0.5),
  /** failed: the entry in `errors.data`; `line` when it is about one request, from 1. */
  line: z.int().positive().optional(),
  code: z.string().default('internal_error'),
  message: z.string().default('The batch could not be processed.'),
});
export type BatchOutcome = z.output<typeof batchOutcomeSchema>;

/** A line of a file of results, literally. */
const oddLineSchema = z.strictObject({
  contains: z.string().min(1),
  status: z.int().min(0).max(599),
  body: z.union([z.null(), z.record(z.string(), z.unknown())]).default(null),
  error: z.union([z.null(), z.string(), z.record(z.string(), z.unknown())]).default(null),
});

const batchesSchema = z
  .strictObject({
    validatingMs: range(200, 600),
    finalizingMs: range(200, 600),
    cancellingMs: range(200, 600),
    /** Requests of one batch answered a second once it is in progress. */
    requestsPerSecond: z.number().positive().default(500),
    /** What `24h` lasts. */
    windowMs: z.number().positive().default(DAY_MS),
    maxRequests: z.int().positive().default(50_000),
    /** Input tokens that the unfinished batches of one project and model may hold. */
    enqueuedTokens: z.number().positive().default(40_000_000),
    /** Share of the requests that end as a server error in the error file. */
    errorShare: share(0),
    outcomes: z.array(batchOutcomeSchema).default([]),
    /** Ids and files that are not there are sent as empty text, and no metadata comes back, as Azure does. */
    emptyIds: z.boolean().default(false),
    /** Lines of the results of requests that hold a text, as gateways write them. */
    oddLines: z.array(oddLineSchema).default([]),
  })
  .prefault({});

const textSchema = z
  .strictObject({
    /** Tokens of an answer; the text is as long as that. */
    outputTokens: range(90, 220),
    /** Reasoning tokens of a model that reasons. */
    reasoningTokens: range(64, 512),
    /** Words in one `response.output_text.delta`. */
    wordsPerDelta: z.int().positive().default(12),
    /** An input that holds this is refused with `content_policy_violation`. */
    contentFilterMarker: z.string().min(1).default('[[content-filter]]'),
    /** An input that holds this is answered with a `refusal` instead of a text. */
    refusalMarker: z.string().min(1).default('[[refuse]]'),
  })
  .prefault({});
export type TextOptions = z.output<typeof textSchema>;

const tokensSchema = z
  .strictObject({
    charactersPerToken: z.number().positive().default(4),
    /** Output tokens charged at arrival when the request has no `max_output_tokens`. */
    defaultOutputEstimate: z.int().nonnegative().default(256),
    /** The true input tokens are the estimate, more or less up to this share of it. */
    inputErrorShare: share(0.1),
    /** `truth`: the estimate counts until the answer is sent, then what was used. `estimate`: it stays. */
    settle: z.enum(['truth', 'estimate']).default('truth'),
  })
  .prefault({});
export type TokenOptions = z.output<typeof tokensSchema>;

export const openAiScenarioSchema = z.strictObject({
  ...serverFields,
  projects: z.array(projectSchema).default([]),
  models: z
    .array(modelSchema)
    .min(1)
    .default([
      { id: 'gpt-4.1', reasoning: false },
      { id: 'gpt-4.1-mini', reasoning: false },
      { id: 'gpt-4o', reasoning: false },
      { id: 'gpt-4o-mini', reasoning: false },
      { id: 'gpt-5-mini', reasoning: true },
    ]),
  /** Announced, and enforced unless `trueLimits` says otherwise: per project. Tier 3's numbers. */
  requestsPerMinute: z.number().positive().default(5000),
  tokensPerMinute: z.number().positive().default(4_000_000),
  /** Per project; none by default. */
  requestsPerDay: z.number().positive().optional(),
  dayWindow: z.enum(['calendar', 'rolling']).default('calendar'),
  /** Enforced without being announced in any header. */
  trueLimits: z
    .strictObject({
      requestsPerMinute: z.number().positive().optional(),
      tokensPerMinute: z.number().positive().optional(),
    })
    .prefault({}),
  /** One more pair of buckets over all projects of an organization. */
  organizationLimits: z
    .strictObject({
      requestsPerMinute: z.number().positive().optional(),
      tokensPerMinute: z.number().positive().optional(),
    })
    .prefault({}),
  /** Seconds of quota that a full bucket holds. */
  burstSeconds: z.number().positive().default(60),
  /** Whether each model of a project has its own buckets. */
  limitsPerModel: z.boolean().default(false),
  /** With `limitsPerModel`: models that share their buckets, by the name of their group. */
  modelGroups: z.record(z.string().min(1), z.array(z.string().min(1)).min(1)).default({}),
  /** With `limitsPerModel`: sizes that differ, by model or group. */
  modelLimits: z
    .record(
      z.string().min(1),
      z.strictObject({
        requestsPerMinute: z.number().positive().optional(),
        tokensPerMinute: z.number().positive().optional(),
      }),
    )
    .default({}),
  /** What the numbers of `requestsPerMinute` are counted in, enforced and announced: `day` makes them a day's. */
  requestsCountedPer: z.enum(['minute', 'day']).default('minute'),
  /** Limits that change in mid-run: so long after the start, ms, sizes a minute of all projects and models. */
  limitChanges: z
    .array(
      z.strictObject({
        afterMs: z.number().nonnegative(),
        requestsPerMinute: z.number().positive().optional(),
        tokensPerMinute: z.number().positive().optional(),
      }),
    )
    .default([]),
  /** Whether a refused call has been counted all the same, as OpenAI's guide to rate limits warns. */
  countRefusedCalls: z.boolean().default(false),
  /** OpenAI's own errors, by code, for projects or organizations. */
  errors: z.array(errorSchema).default([]),
  /** Answers in the forms of gateways, firewalls and servers that speak alike. */
  oddAnswers: z.array(oddAnswerSchema).default([]),
  headers: headerFormSchema.prefault({}),
  /** Time that an answer with a text takes, ms. */
  latencyMs: range(300, 2000),
  /** `uniform`, or most answers near the minimum and a few near the maximum. */
  latencyShape: z.enum(['uniform', 'skewed']).default('uniform'),
  text: textSchema,
  tokens: tokensSchema,
  maxFileBytes: z.int().positive().default(200_000_000),
  batches: batchesSchema,
});
export type OpenAiScenario = z.output<typeof openAiScenarioSchema>;
export type OpenAiScenarioInput = z.input<typeof openAiScenarioSchema>;

/** The group that holds a model, else the model. */
export function modelGroupOf({ modelGroups }: Pick<OpenAiScenario, 'modelGroups'>, model: string): string {
  return Object.entries(modelGroups).find(([, models]) => models.includes(model))?.[0] ?? model;
}

/** A change of limits as patches by limit's name. */
export function changedLimits({
  requestsPerMinute,
  tokensPerMinute,
}: OpenAiScenario['limitChanges'][number]): Record<string, { ratePerSecond: number; burst: number }> {
  const patch = (size: number) => ({ ratePerSecond: size / 60, burst: Math.max(1, size) });
  return {
    ...(requestsPerMinute === undefined ? {} : { requests: patch(requestsPerMinute) }),
    ...(tokensPerMinute === undefined ? {} : { tokens: patch(tokensPerMinute) }),
  };
}

/** The buckets of `POST /v1/responses`, the daily limit, and the documented limits of uploads and batches. */
export function openAiLimits(scenario: OpenAiScenario): VendorLimit[] {
  const { trueLimits, organizationLimits, countRefusedCalls: countsRefused } = scenario;
  const project = scenario.limitsPerModel
    ? '{organization}/{project}/{modelGroup}'
    : '{organization}/{project}';
  const seconds = (name: string) =>
    name === 'requests' && scenario.requestsCountedPer === 'day' ? 86_400 : 60;
  const paceOf = (name: string, size: number) => ({
    ratePerSecond: size / seconds(name),
    burst: Math.max(1, (size * scenario.burstSeconds) / 60),
  });
  const perMinute = (
    name: string,
    unit: string,
    scope: string,
    announced: number,
    enforced: number | undefined,
  ): VendorLimit => ({
    name,
    operations: ['createResponse'],
    scope,
    unit,
    window: { kind: 'token-bucket', ...paceOf(name, enforced ?? announced) },
    ...(enforced === undefined ? {} : { announcedRatePerSecond: announced / seconds(name) }),
    announcedPerSeconds: seconds(name),
    paceOf: ({ attributes }) => {
      const own = scenario.modelLimits[attributes.modelGroup ?? ''];
      const size = name === 'requests' ? own?.requestsPerMinute : own?.tokensPerMinute;
      return size === undefined || !scenario.limitsPerModel ? undefined : paceOf(name, size);
    },
    countsRefused,
  });
  const limits = [
    perMinute('requests', 'calls', project, scenario.requestsPerMinute, trueLimits.requestsPerMinute),
    perMinute('tokens', 'tokens', project, scenario.tokensPerMinute, trueLimits.tokensPerMinute),
  ];
  if (scenario.requestsPerDay !== undefined) {
    limits.push({
      name: 'requestsPerDay',
      operations: ['createResponse'],
      scope: project,
      window:
        scenario.dayWindow === 'calendar'
          ? { kind: 'calendar', per: 'day', zone: 'UTC', count: scenario.requestsPerDay }
          : { kind: 'rolling', ms: DAY_MS, count: scenario.requestsPerDay },
      countsRefused,
    });
  }
  if (organizationLimits.requestsPerMinute !== undefined) {
    const { requestsPerMinute } = organizationLimits;
    limits.push(perMinute('organizationRequests', 'calls', '{organization}', requestsPerMinute, undefined));
  }
  if (organizationLimits.tokensPerMinute !== undefined) {
    const { tokensPerMinute } = organizationLimits;
    limits.push(perMinute('organizationTokens', 'tokens', '{organization}', tokensPerMinute, undefined));
  }
  limits.push(
    {
      name: 'uploadFile',
      operations: ['uploadFile'],
      scope: '{organization}/{project}',
      window: { kind: 'rolling', count: 1000, ms: 60_000 },
    },
    {
      name: 'createBatch',
      operations: ['createBatch'],
      scope: '{organization}/{project}',
      window: { kind: 'rolling', count: 2000, ms: HOUR_MS },
    },
  );
  return limits;
}
