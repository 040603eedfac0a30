/** OpenAI's Responses and Batch APIs, as a vendor. */
import { defineVendor } from '../define';
import { authorizeWith } from './authorize';
import { openaiTextBatches } from './batches/calls';
import { openaiTexts } from './calls';
import { openaiLimitOverrides, openaiRules } from './rules';
import { openaiAccountSchema } from './settings';

export const openai = defineVendor({
  rules: openaiRules,
  account: openaiAccountSchema,
  parts: (account) => ({
    apiKey: account.apiKey,
    texts: openaiTexts(account),
    requests: { baseUrl: account.baseUrl, authorize: authorizeWith(account) },
    textBatches: openaiTextBatches(account),
    limits: openaiLimitOverrides(account),
    attributes: account.project === undefined ? {} : { project: account.project },
    ...(account.organization === undefined ? {} : { organization: account.organization }),
  }),
  simulator: async () => (await import('./simulator/index.js')).openaiSimulator,
  example: {
    settings: { apiKey: 'env:OPENAI_API_KEY' },
    secrets: { OPENAI_API_KEY: 'sk-example' },
    model: 'gpt-4o-mini',
  },
});
