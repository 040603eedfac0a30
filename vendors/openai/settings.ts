/** The settings of an OpenAI project, or of any server that speaks its Responses API. */
import { z } from 'zod';
import { commonAccountFields, duration, pathUrl, secretRef } from '../account-fields';
import { batchConcurrency, batchFields } from '../batch-fields';
import { openaiBatchApiFields } from './batches/settings';

const OPENAI_URL = 'https://api.openai.com/v1';

/** What others ask to be given as the address, and is no more than one route of it. */
const ROUTE = /\/(?:responses|completions|embeddings|batches|files|models)\/*$/i;

const text = z.string({ error: 'must be text' }).min(1, 'must not be empty');

const MODELS = 'must be a list of models';
const modelName = z.string({ error: MODELS }).min(1, 'must name a model');

/** A model is of one group; a group may bear the name of one of its own models, and of no other. */
function groupProblems(groups: Readonly<Record<string, readonly string[]>>): [string[], string][] {
  const problems: [string[], string][] = [];
  const groupOf = new Map<string, string>();
  for (const [group, models] of Object.entries(groups)) {
    for (const model of models) {
      const other = groupOf.get(model);
      if (other !== undefined) problems.push([[group], `must not hold ${model}, which is of ${other}`]);
      groupOf.set(model, group);
    }
  }
  for (const group of Object.keys(groups)) {
    const owner = groupOf.get(group);
    if (owner !== undefined && owner !== group) {
      problems.push([[group], `must have another name: ${group} is a model of ${owner}`]);
    }
  }
  return problems;
}

export const openaiAccountSchema = z
  .strictObject({
    vendor: z.literal('openai'),
    baseUrl: pathUrl
      .refine((url) => !ROUTE.test(url), {
        error: 'must end before the route, e.g. with /v1: /responses, /files and the like are appended to it',
      })
      .default(OPENAI_URL)
      .describe('Where the API answers, with /v1; e.g. a simulator.'),
    apiKey: secretRef,
    project: text.optional().describe('Sent as OpenAI-Project.'),
    timeoutSeconds: duration('seconds', { min: 0.001 })
      .prefault(120)
      .describe('Longest wait for an answer; texts take longer than most calls.'),
    concurrency: z
      .strictObject({
        min: batchConcurrency.default(4).describe('Calls in flight at the least.'),
        max: batchConcurrency
          .default(16)
          .describe('Calls in flight at the most; rate × latency reaches the rate.'),
      })
      .prefault({})
      .describe('Calls of a batch that are in flight at once; adapted between min and max.'),
    ...batchFields,
    ...openaiBatchApiFields,
    ...commonAccountFields,
    organization: text
      .optional()
      .describe(
        "The organization's id (org-…), sent as OpenAI-Organization. Accounts that name the same one stop together when a limit of the organization's is reached, and one resume ends it; they share the limits whose scope names it.",
      ),
    modelGroups: z
      .record(modelName, z.array(modelName, { error: MODELS }).min(1, MODELS))
      .default({})
      .describe(
        'Models that share their limits at the vendor: a name, and the models, e.g. {gpt-4o: [gpt-4o, gpt-4o-2024-08-06]}. Every other model has limits of its own.',
      ),
  })
  .superRefine((account, context) => {
    for (const [path, message] of groupProblems(account.modelGroups)) {
      context.addIssue({ code: 'custom', path: ['modelGroups', ...path], message });
    }
    if (account.concurrency.min <= account.concurrency.max) return;
    context.addIssue({
      code: 'custom',
      path: ['concurrency', 'max'],
      message: `must be at least concurrency.min (${account.concurrency.min})`,
    });
  });

export type OpenAiAccount = z.infer<typeof openaiAccountSchema>;
