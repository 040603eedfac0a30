/** Amazon's error bodies, verbatim. */
import { json } from '../../kit/server/server';
import type { SimAnswer } from '../../kit/vendor';

function errors(status: number, code: string, message: string, details = ''): SimAnswer {
  return json(status, { errors: [{ code, message, details }] });
}

export const invalidInput = (details: string) =>
  errors(400, 'InvalidInput', 'Request has missing or invalid parameters and cannot be parsed.', details);

export const notFound = (details: string) =>
  errors(404, 'NotFound', 'The specified resource does not exist.', details);

export const unsupportedMediaType = () =>
  errors(
    415,
    'UnsupportedMediaType',
    'The request payload is in an unsupported format.',
    'Send application/json.',
  );

export const quotaExceeded = () =>
  errors(429, 'QuotaExceeded', 'You exceeded your quota for the requested resource.');

const EXPIRED = 'The access token you provided has expired.';

/** Amazon has been seen to put the text into `details` and into `message`. */
export const tokenExpired = (inMessage: boolean) =>
  inMessage
    ? errors(403, 'Unauthorized', EXPIRED)
    : errors(403, 'Unauthorized', 'Access to requested resource is denied.', EXPIRED);

export const tokenUnknown = () =>
  errors(
    403,
    'Unauthorized',
    'Access to requested resource is denied.',
    'The access token you provided is revoked, malformed or invalid.',
  );

/** In how many ways Amazon has been seen to refuse an access token although its refresh token is still good. */
const REVOKED: readonly (() => SimAnswer)[] = [
  tokenUnknown,
  () => errors(403, 'Unauthorized', 'Access to requested resource is denied.'),
  () => errors(403, 'AccessDenied', 'The credentials of this request were withdrawn.'),
  () => errors(401, 'InvalidAccessToken', 'Sign in again.'),
  () => json(403, { message: 'The security token included in the request is invalid' }),
];

/** @param n counts the answers: each has other words. */
export const tokenRevoked = (n: number): SimAnswer => (REVOKED[n % REVOKED.length] ?? tokenUnknown)();

/** The document store answers in XML. */
export function storeDenied(code: 'AccessDenied' | 'SignatureDoesNotMatch', message: string): SimAnswer {
  return {
    status: 403,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}

export const FATAL_TEXTS = {
  notYet:
    'The report data for the requested date range is not yet available. Please try again with an earlier date range.',
  datesMissing: 'dataStartTime and dataEndTime must be supplied',
  optionMissing: (option: string) => `This report type requires the ${option} reportOption to be specified`,
  clientError: 'A client error occurred. Please check your request and try again.',
} as const;
