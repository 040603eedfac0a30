import { classifyMyBmw } from '../../../../vendors/bmw-mybmw/classify';
import { MYBMW_OPERATIONS } from '../../../../vendors/bmw-mybmw/limits';
import { mybmwRules } from '../../../../vendors/bmw-mybmw/rules';
import type { CallInfo, VendorResponse } from '../../../../vendors/contract';
import fc from '../../../support/run/properties';

const NOW = Date.UTC(2026, 10, 24, 12);

function judge(operation: string, response: Partial<VendorResponse>, more: Partial<CallInfo> = {}) {
  const call = { vendor: 'bmw-mybmw', account: 'a', operation, attributes: {}, ...more };
  const whole = { status: 200, headers: {}, body: '', ...response };
  return classifyMyBmw(call, { kind: 'response', response: whole }, NOW);
}

const said = (statusCode: number, message: string) => ({
  status: statusCode,
  body: JSON.stringify({ statusCode, message }),
});
const QUOTA = 'Out of call volume quota. Quota will be replenished in 00:13:18.';
const QUOTA_MS = 798_000;

describe('a quota is the user agent’s, and no matter of credentials', () => {
  test.each<[string, Partial<VendorResponse>, number | null]>([
    ['in the message', said(403, QUOTA), QUOTA_MS],
    ['as plain text', { status: 403, body: QUOTA }, QUOTA_MS],
    ['in the reason phrase alone', { status: 403, statusText: QUOTA }, QUOTA_MS],
    ['in a reason phrase above a web page', { status: 403, statusText: QUOTA, body: '<html/>' }, QUOTA_MS],
    ['in a reason phrase above another message', { ...said(403, 'Forbidden'), statusText: QUOTA }, QUOTA_MS],
    ['as an OAuth error', { status: 403, body: JSON.stringify({ error: QUOTA }) }, QUOTA_MS],
    ['under a status of success', { ...said(403, QUOTA), status: 200 }, QUOTA_MS],
    ['as a code alone', { status: 403, body: '{"code":"QuotaExceeded","message":"Forbidden"}' }, null],
    ['as a pace without a time', { status: 403, body: '{"error":"rate_limit_exceeded"}' }, null],
    ['under 401, used up', said(401, 'Out of call volume quota.'), null],
    ['for hours', said(403, 'Out of call volume quota. Quota will be replenished in 02:26:00.'), 8_760_000],
    ['without a time', said(403, 'Out of call volume quota.'), null],
    ['with a time in a header', { ...said(403, 'Quota exceeded'), headers: { 'retry-after': '20' } }, 20_000],
    [
      'with two times, of which the longer counts',
      { ...said(403, QUOTA), headers: { 'retry-after': '5' } },
      QUOTA_MS,
    ],
    ['as too many requests without a time', said(429, 'Too many requests'), null],
  ])('%s', (_, response, statedWaitMs) => {
    for (const operation of MYBMW_OPERATIONS) {
      expect(judge(operation, response)).toMatchObject({
        kind: 'quota',
        scope: 'organization',
        statedWaitMs,
      });
    }
  });
});

test('too fast is over soon, for all who call with the user agent', () => {
  const verdict = judge('state', said(429, 'Rate limit is exceeded. Try again in 57 seconds.'));
  expect(verdict).toMatchObject({ kind: 'rate', statedWaitMs: 57_000 });
  expect(judge('state', said(429, 'Rate limit is exceeded. Try again in 2 minutes.'))).toMatchObject({
    kind: 'rate',
    statedWaitMs: 120_000,
  });
});

test('489 shuts the deployment out, and says so', () => {
  expect(judge('state', { status: 489, body: 'Blocked' })).toMatchObject({
    kind: 'blocked',
    scope: 'organization',
    evidence: {
      httpStatus: 489,
      message: expect.stringMatching(/own clients alone.*bmw-cardata.*"Blocked"/),
    },
  });
});

describe('tokens and vehicles', () => {
  test('401 is an expired token, and of a new one a refused one', () => {
    const answer = said(401, 'Access token is missing, invalid or expired.');
    expect(judge('state', answer)).toMatchObject({ kind: 'auth', reason: 'expired' });
    expect(judge('state', answer, { freshLogin: true })).toMatchObject({ kind: 'auth', reason: 'refused' });
    expect(judge('state', said(403, 'The access token is not valid'))).toMatchObject({
      kind: 'auth',
      reason: 'expired',
    });
  });

  test('403 of one vehicle concerns that alone; of the list it is the account’s', () => {
    const answer = said(403, 'The vehicle is not mapped to this user.');
    expect(judge('state', answer).kind).toBe('invalid');
    expect(judge('command', answer).kind).toBe('invalid');
    expect(judge('vehicleList', answer)).toMatchObject({ kind: 'auth', reason: 'refused' });
    expect(judge('chargingSettings', said(404, 'no charging settings')).kind).toBe('gone');
  });

  test('what a person enters wrongly holds nothing; a refresh that is refused needs a login', () => {
    const answer = { status: 401, body: '{"error":"invalid_client","error_description":"login failure"}' };
    expect(judge('login', answer).kind).toBe('invalid');
    expect(judge('login', { status: 400, body: '{"error":"invalid_request"}' }).kind).toBe('invalid');
    expect(judge('login', { status: 302, headers: { location: 'com.example://oauth?code=1' } }).kind).toBe(
      'ok',
    );
    for (const [status, error] of [
      [400, 'invalid_grant'],
      [401, 'invalid_client'],
      [403, 'unauthorized_client'],
    ]) {
      const refused = { status: Number(status), body: JSON.stringify({ error }) };
      expect(judge('token-refresh', refused)).toMatchObject({ kind: 'auth', reason: 'refused' });
    }
  });
});

describe('what nobody knows', () => {
  test.each<[string, Partial<VendorResponse>]>([
    ['a web page', { status: 200, body: '<html>maintenance</html>' }],
    ['nothing', { status: 200, body: '' }],
    ['a failure', { status: 503, body: '' }],
  ])('%s: of a command it may have been carried out', (_, response) => {
    expect(judge('command', response)).toMatchObject({ kind: 'server', ambiguous: true });
    expect(judge('state', response).kind).toBe('server');
  });

  test('no answer', () => {
    const error = { code: 'ECONNRESET', message: 'reset', mayHaveBeenSent: true };
    const call = { vendor: 'bmw-mybmw', account: 'a', operation: 'command', attributes: {} };
    expect(classifyMyBmw(call, { kind: 'transport', error }, NOW)).toMatchObject({
      kind: 'server',
      ambiguous: true,
    });
  });
});

test('is total, and never takes a quota for a refusal of credentials', () => {
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ statusCode: fc.anything(), message: fc.anything() }).map((v) => JSON.stringify(v) ?? ''),
    fc.string().map((text) => `${text} ${QUOTA}`),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...MYBMW_OPERATIONS),
      fc.integer({ min: 100, max: 599 }),
      body,
      fc.string(),
      (operation, status, text, statusText) => {
        const verdict = judge(operation, { status, body: text, statusText });
        expect(verdict.evidence.account).toBe('a');
        if (status === 403 && text.endsWith(QUOTA)) expect(verdict.kind).toBe('quota');
      },
    ),
  );
});

test('an unknown pause grows to five minutes, or to what is set, and the first one is no longer than that', () => {
  expect(mybmwRules().pool).toMatchObject({
    unknownQuotaMs: 30_000,
    unknownQuotaMaxMs: 300_000,
    breakerFailures: 5,
    breakerOpenMs: 60_000,
  });
  expect(mybmwRules({ cooldownMaxMinutes: 10 / 60 }).pool).toMatchObject({
    unknownQuotaMs: 10_000,
    unknownQuotaMaxMs: 10_000,
  });
});
