/** Requests of the Responses API as plain data. Nothing is sent from here. */
import { DEFAULT_CONCURRENCY } from '../../quota/batches/concurrency';
import { HOUR_MS } from '../../quota/durations';
import type { TextApi } from '../capabilities/texts';
import { authorizeWith, postTo } from './authorize';
import { parseResponse, usageOf } from './contract';
import { modelAttributes } from './limits';
import type { OpenAiAccount } from './settings';
import { inputTokens } from './tokens';

export function openaiTexts(account: OpenAiAccount): TextApi {
  return {
    operation: 'createResponse',
    attributes: (model) => modelAttributes(account, model),
    timeoutMs: account.timeoutSeconds * 1000,
    concurrency: { ...DEFAULT_CONCURRENCY, ...account.concurrency },
    logInterval: account.logInterval,
    quotaThreshold: account.quotaThreshold,
    quotaMonitoring: account.quotaMonitoring,
    pauseMs: account.pauseHours * HOUR_MS,
    request: (job, filled) => ({
      model: job.model,
      input: filled,
      ...(job.maxOutputTokens === null ? {} : { max_output_tokens: job.maxOutputTokens }),
    }),
    // Said, for some gateways stream by default.
    post: (request) => postTo(account, '/responses', { ...request, stream: false }),
    authorize: authorizeWith(account),
    estimate: (request, expectedOutput) => {
      const cap = request.max_output_tokens;
      const output = typeof cap === 'number' ? cap : expectedOutput;
      return Math.ceil(inputTokens(String(request.input)) + output);
    },
    used: usageOf,
    parse: parseResponse,
  };
}
