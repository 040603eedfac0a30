/** Requests of the Responses API as plain data. Nothing is sent from here. */
import { DEFAULT_CONCURRENCY } from '../../quota/batches/concurrency';
import type { TextApi } from '../capabilities/texts';
import { parseResponse, usageOf } from './contract';
import { modelAttributes } from './limits';
import type { OpenAiAccount } from './settings';
import { inputTokens } from './tokens';

export function openaiTexts(account: OpenAiAccount): TextApi {
  return {
    operation: 'createResponse',
    attributes: (model) => modelAttributes(account, model),
    baseUrl: account.baseUrl.replace(/\/+$/, ''),
    organization: account.organization ?? null,
    project: account.project ?? null,
    timeoutMs: account.timeoutSeconds * 1000,
    concurrency: { ...DEFAULT_CONCURRENCY, ...account.concurrency },
    logInterval: account.logInterval,
    quotaThreshold: account.quotaThreshold,
    quotaMonitoring: account.quotaMonitoring,
    pauseMs: account.pauseHours * 3_600_000,
    request: (job, filled) => ({
      model: job.model,
      input: filled,
      ...(job.maxOutputTokens === null ? {} : { max_output_tokens: job.maxOutputTokens }),
    }),
    estimate: (request, expectedOutput) => {
      const cap = request.max_output_tokens;
      const output = typeof cap === 'number' ? cap : expectedOutput;
      return Math.ceil(inputTokens(String(request.input)) + output);
    },
    used: usageOf,
    parse: parseResponse,
  };
}
