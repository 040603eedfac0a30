/** GPS51's verdicts on answers, for tests: a call of one account, answered at a fixed time. */
import type { CallInfo, CallResult } from '../../../vendors/contract';
import { classifyGps51 } from '../../../vendors/gps51/classify';

export const ZONE = 'Asia/Shanghai';
/** 20:00 in Shanghai. */
export const NOW = Date.UTC(2026, 10, 24, 12);

export const call = (operation: string, more: Partial<CallInfo> = {}): CallInfo => ({
  vendor: 'gps51',
  account: 'main',
  operation,
  attributes: { vendor: 'gps51', account: 'main', egressIp: 'default' },
  ...more,
});

export function answer(body: unknown, status = 200, headers: Record<string, string> = {}): CallResult {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { kind: 'response', response: { status, headers, body: text } };
}

export const verdict = (
  operation: string,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
) => classifyGps51(call(operation), answer(body, status, headers), NOW, ZONE);
