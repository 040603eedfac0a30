/** Answers of OpenAI's, and what is made of them. */
import type { CallInfo, CallResult } from '../../../vendors/contract';
import { classifyOpenAi } from '../../../vendors/openai/classify';

export const NOW = Date.UTC(2026, 10, 24, 12);
export const call: CallInfo = {
  vendor: 'openai',
  account: 'bios',
  operation: 'createResponse',
  attributes: { vendor: 'openai', account: 'bios' },
};

export function answer(status: number, error: unknown, headers: Record<string, string> = {}): CallResult {
  const body = typeof error === 'string' ? error : JSON.stringify({ error });
  return { kind: 'response', response: { status, headers, body } };
}

export const verdict = (result: CallResult) => classifyOpenAi(call, result, NOW);
