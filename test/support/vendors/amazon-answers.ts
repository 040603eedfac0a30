/** Answers of Amazon's, and what is made of them. */
import { amazonRules } from '../../../vendors/amazon/rules';
import type { CallInfo, CallResult } from '../../../vendors/contract';

export const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
export const call = (operation: string): CallInfo => ({
  vendor: 'amazon',
  account: 'main',
  operation,
  attributes: { vendor: 'amazon', account: 'main' },
});
export const response = (
  status: number,
  body: unknown = '',
  headers: Record<string, string> = {},
): CallResult => ({
  kind: 'response',
  response: { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) },
});
export const classify = (operation: string, result: CallResult) =>
  amazonRules.classify(call(operation), result, NOW);
/** With a token that has just been fetched because the one before was refused. */
export const classifyRenewed = (operation: string, result: CallResult) =>
  amazonRules.classify({ ...call(operation), freshLogin: true }, result, NOW);
export const errors = (code: string, message = '', details = '') => ({
  errors: [{ code, message, details }],
});

export const QUOTA = errors('QuotaExceeded', 'You exceeded your quota for the requested resource.');
