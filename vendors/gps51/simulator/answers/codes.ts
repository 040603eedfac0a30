/** GPS51's codes: an answer is HTTP 200 with `status` and `cause` in its body. */
import { json } from '../../../kit/server/server';
import type { SimAnswer } from '../../../kit/vendor';

/** The codes of the vendor's page "API Call Instructions", and 9904, which is met but not on it. */
export const CODES = {
  abnormal: -1,
  wrongCredentials: 1,
  noSuchAction: 8901,
  ipFrequency: 8902,
  accountRestricted: 8903,
  ipNotWhitelisted: 8904,
  callsUsedUp: 8905,
  prohibited: 8906,
  parameter: 9904,
  tokenNotFound: 9906,
} as const;

const CAUSES: Readonly<Record<number, string>> = {
  [-1]: 'abnormal',
  8901: 'no such action',
  8902: 'ip limit',
  8903: 'account is restricted',
  8904: 'ip is not in the whitelist',
  8905: 'the calls of the account are used up',
  8906: 'action is prohibited',
  9903: 'global_error_token_expire',
  9904: 'parameter error',
  9906: 'please login',
};

/** The usual cause of a code; 8902 names the address: `ip limit:203.0.113.7`. */
export function causeOf(code: number, ip: string): string {
  return code === CODES.ipFrequency ? `ip limit:${ip}` : (CAUSES[code] ?? 'error');
}

export function ok(
  fields: Readonly<Record<string, unknown>>,
  detail: Readonly<Record<string, unknown>> = {},
): SimAnswer {
  return { ...json(200, { status: 0, cause: 'OK', ...fields }), detail: { code: 0, ...detail } };
}

export function failure(code: number | string, cause: string, more: object = {}): SimAnswer {
  return { ...json(200, { status: code, cause, ...more }), detail: { code, cause } };
}

/** Thrown while a request is read; becomes the answer. */
export class CallError extends Error {
  override readonly name = 'CallError';
  constructor(
    readonly code: number,
    cause: string,
  ) {
    super(cause);
  }
}
