/** Acme Cars' rules: its limits as data, and what its answers mean. */
import { parseRetryAfter, redactNamed } from 'sluice/vendor';

const HOUR_MS = 3_600_000;
const PAGE = 'developer.acme-cars.example/limits, read 2026-11';

/** Operations, as limits and verdicts name them. */
export const OPERATIONS = ['login', 'cars', 'status', 'charging'];

/** @type {readonly import('sluice/vendor').LimitTemplate[]} */
const limits = [
  {
    name: 'calls-per-hour',
    operations: ['cars', 'status', 'charging'],
    scope: '{account}',
    unit: 'calls',
    window: { kind: 'calendar', count: 120, per: 'hour', zone: 'UTC' },
    // Interactive reads find something left.
    reserve: { background: 0.2 },
    mode: 'enforce',
    source: PAGE,
  },
  {
    name: 'logins-per-minute',
    operations: ['login'],
    scope: '{account}',
    unit: 'calls',
    window: { kind: 'rolling', count: 5, ms: 60_000 },
    mode: 'enforce',
    source: PAGE,
  },
];

/** @type {import('sluice/vendor').VendorRules} */
export const rules = {
  id: 'acme-cars',
  title: 'Acme Cars',
  limits,
  operations: OPERATIONS,
  attributes: { vin: { of: ['status', 'charging'], about: 'the vehicle that is read' } },
  // The hour's calls are used up for the account: everything of it stops.
  poolScope: '{account}',
  pool: {
    unknownQuotaMs: 5 * 60_000,
    unknownQuotaFactor: 2,
    unknownQuotaMaxMs: HOUR_MS,
    absurdWaitMs: 24 * HOUR_MS,
    breakerFailures: 5,
    breakerOpenMs: 60_000,
    probeTimeoutMs: 120_000,
    hintAfterStrikes: 3,
    hint: 'the quota has outlasted 3 pauses: who else uses these credentials?',
  },
  retry: {
    rate: { baseMs: 1000, maxMs: 60_000, attempts: 4 },
    server: { baseMs: 500, maxMs: 4000, attempts: 4 },
  },
  classify,
  learn,
};

/** Total: whatever comes, or does not, is one verdict. The body's code comes before the status. */
function classify({ vendor, account, operation }, result, nowMs) {
  if (result.kind === 'transport') {
    const { code, mayHaveBeenSent } = result.error;
    const evidence = { vendor, account, operation, code };
    return { kind: 'server', evidence, statedWaitMs: null, ambiguous: mayHaveBeenSent };
  }
  const { status, headers, body } = result.response;
  const { code, message } = errorOf(body);
  const evidence = {
    ...{ vendor, account, operation, httpStatus: status },
    ...(code === undefined ? {} : { code }),
    ...(message === undefined ? {} : { message }),
  };
  if (code === 'QUOTA_EXCEEDED') {
    return { kind: 'quota', evidence, statedWaitMs: resetMs(headers), limit: 'calls-per-hour' };
  }
  if (code === 'TOKEN_EXPIRED') return { kind: 'auth', evidence, reason: 'expired' };
  if (status === 401 || status === 403) return { kind: 'auth', evidence, reason: 'refused' };
  if (status === 404 || status === 410) return { kind: 'gone', evidence };
  const statedWaitMs = parseRetryAfter(headers, nowMs)?.ms ?? null;
  if (status === 429) return { kind: 'rate', evidence, statedWaitMs, limit: null };
  if (status >= 500 || status === 408) return { kind: 'server', evidence, statedWaitMs, ambiguous: true };
  if (status >= 200 && status < 300 && isJson(body)) return { kind: 'ok', evidence };
  return { kind: 'invalid', evidence };
}

/** What a response announces: calls left, and seconds until the next hour begins. A missing header teaches nothing. */
function learn({ operation }, { headers }) {
  const remaining = wholeNumber(headers['x-acme-remaining']);
  if (operation === 'login' || remaining === undefined) return [];
  const wait = resetMs(headers);
  return [{ limit: 'calls-per-hour', remaining, ...(wait === null ? {} : { resetMs: wait }) }];
}

function resetMs(headers) {
  const seconds = wholeNumber(headers['x-acme-reset']);
  return seconds === undefined ? null : seconds * 1000;
}

function wholeNumber(text) {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** `{"error":{"code":"…","message":"…"}}`; anything else has neither. Only codes that Acme documents are kept. */
function errorOf(body) {
  try {
    const { code, message } = JSON.parse(body).error;
    return {
      ...(typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? { code } : {}),
      ...(typeof message === 'string' ? { message: redactNamed(message).slice(0, 500) } : {}),
    };
  } catch {
    return {};
  }
}

function isJson(body) {
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}
