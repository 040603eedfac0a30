import type { Verdict } from '../../../../quota/verdict';
import { classifyCarData } from '../../../../vendors/bmw-cardata/classify';
import {
  CARDATA_OPERATIONS,
  DAY_LIMIT,
  type QuotaWindow,
  usedUpForMs,
} from '../../../../vendors/bmw-cardata/limits';
import { cardataRules } from '../../../../vendors/bmw-cardata/rules';
import { checkRules } from '../../../../vendors/conformance/rules';
import type { CallInfo, CallResult } from '../../../../vendors/contract';
import fc from '../../../support/run/properties';

const NOW = Date.UTC(2026, 10, 29, 18);
const HOUR_MS = 3_600_000;

const call = (operation: string, more: Partial<CallInfo> = {}): CallInfo => ({
  vendor: 'bmw-cardata',
  account: 'car',
  operation,
  attributes: { vendor: 'bmw-cardata', account: 'car' },
  ...more,
});
const answer = (status: number, body: unknown, headers: Record<string, string> = {}): CallResult => ({
  kind: 'response',
  response: { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) },
});
const exve = (id: unknown, message = 'words') => ({
  exveErrorId: id,
  exveErrorRef: 'ref-1',
  exveErrorMsg: message,
  exveNote: '',
});
const judge = (
  operation: string,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
  {
    quotaWindow = 'midnight' as QuotaWindow,
    ...more
  }: Partial<CallInfo> & { quotaWindow?: QuotaWindow } = {},
): Verdict => classifyCarData(call(operation, more), answer(status, body, headers), NOW, quotaWindow);

describe('the vendor’s codes, whatever the status', () => {
  test.each([
    ['CU-429', { kind: 'quota', limit: DAY_LIMIT }],
    ['CU-100', { kind: 'auth', reason: 'expired' }],
    ['CU-101', { kind: 'auth', reason: 'expired' }],
    ['CU-102', { kind: 'auth', reason: 'expired' }],
    ['TP-403', { kind: 'auth', reason: 'expired' }],
    ['CU-103', { kind: 'auth', reason: 'refused' }],
    ['CU-104', { kind: 'invalid' }],
    ['CU-105', { kind: 'gone' }],
    ['CU-120', { kind: 'invalid' }],
    ['CU-121', { kind: 'invalid' }],
    ['CU-122', { kind: 'invalid' }],
    ['CU-124', { kind: 'invalid' }],
    ['CU-125', { kind: 'invalid' }],
    ['CU-400', { kind: 'invalid' }],
    ['CU-402', { kind: 'invalid' }],
    ['CU-500', { kind: 'server' }],
    ['CU-503', { kind: 'server' }],
  ])('%s', (id, expected) => {
    for (const status of [200, 400, 401, 403, 404, 429, 500, 503]) {
      for (const body of [
        exve(id),
        [exve(id)],
        { error: exve(id) },
        `\ufeff${JSON.stringify(exve(id.toLowerCase()))}`,
        { response: { details: [exve(id)] } },
        { message: 'failed', cause: JSON.stringify(exve(id)) },
        { EXVEERRORID: id, ExveErrorRef: 'ref-1' },
      ]) {
        expect(judge('telematics', status, body)).toMatchObject({
          ...expected,
          evidence: { httpStatus: status, requestId: 'ref-1', account: 'car', operation: 'telematics' },
        });
      }
    }
  });

  test('CU-401 is of the token where it comes with 401, else of the request', () => {
    const body = {
      ...exve('CU-401'),
      exveErrorMsg: 'Unauthorized: the access token is invalid or has expired.',
    };
    expect(judge('telematics', 401, body)).toMatchObject({ kind: 'auth', reason: 'expired' });
    for (const status of [200, 400, 403, 404]) expect(judge('telematics', status, body).kind).toBe('invalid');
  });

  test('the day that a used-up quota speaks of is no wait', () => {
    for (const exveErrorMsg of [
      'Quota exceeded: maximum number of requests per 24 hours reached.',
      'The 24-hour quota is exceeded',
      'Daily quota (24 hours) exceeded',
      '24-Stunden-Kontingent überschritten',
      'Quota of 50 requests/24 hours exceeded',
    ]) {
      const verdict = judge('telematics', 403, { ...exve('CU-429'), exveErrorMsg });
      expect(verdict).toEqual({ ...judge('telematics', 403, exve('CU-429')), evidence: verdict.evidence });
    }
  });

  test('a code that stands on a page or in a text says what it says', () => {
    const meant = [
      ['CU-429', 'quota'],
      ['cu-105', 'gone'],
      ['CU_101', 'auth'],
      ['CU-503', 'server'],
    ] as const;
    for (const [id, kind] of meant) {
      for (const body of [
        `<html><h1>Error ${id}</h1></html>`,
        `error ${id}: no`,
        JSON.stringify(`${id} no`),
      ]) {
        expect(judge('telematics', 403, body)).toMatchObject({ kind });
      }
    }
    // Nothing in it, and nobody of the vendor's has answered.
    expect(judge('telematics', 403, '')).toMatchObject({ kind: 'blocked', reason: 'configuration' });
  });

  test('a token that was fetched because of that very refusal is not fetched again', () => {
    for (const id of ['CU-100', 'CU-102', 'TP-403']) {
      expect(judge('image', 403, exve(id), {}, { freshLogin: true })).toMatchObject({
        kind: 'auth',
        reason: 'refused',
      });
    }
  });

  test('a code that is in no list fails its request and stops nothing', () => {
    for (const status of [200, 400, 403, 404, 409]) {
      expect(judge('container-create', status, exve('CU-403'))).toMatchObject({ kind: 'invalid' });
    }
    expect(judge('container-create', 500, exve('CU-999'))).toMatchObject({ kind: 'server', ambiguous: true });
    expect(judge('tyres', 401, exve('CU-999'))).toMatchObject({ kind: 'auth' });
  });
});

describe('a 403 is four things, and 489 another', () => {
  test('quota, credentials, a container, a firewall; blocked', () => {
    expect(judge('telematics', 403, exve('CU-429'))).toMatchObject({ kind: 'quota' });
    expect(
      judge('telematics', 403, 'Out of call volume quota. Quota will be replenished in 00:13:18.'),
    ).toMatchObject({
      kind: 'quota',
      statedWaitMs: 798_000,
    });
    expect(judge('telematics', 403, exve('CU-103'))).toMatchObject({ kind: 'auth' });
    expect(judge('telematics', 403, exve('CU-105'))).toMatchObject({ kind: 'gone' });
    expect(judge('telematics', 403, '<html>Access Denied</html>')).toMatchObject({
      kind: 'blocked',
      reason: 'configuration',
    });
    const blocked = judge('telematics', 489, 'Blocked');
    expect(blocked).toMatchObject({ kind: 'blocked' });
    expect(blocked).not.toHaveProperty('reason');
  });
});

describe('how long the day is used up', () => {
  test('a stated wait counts, in a header or in words, and is not cut short', () => {
    expect(judge('image', 403, exve('CU-429', 'Try again in 26 hours'))).toMatchObject({
      statedWaitMs: 26 * HOUR_MS,
    });
    expect(judge('image', 429, exve('CU-429'), { 'retry-after': '57' })).toMatchObject({
      statedWaitMs: 57_000,
    });
    expect(judge('image', 429, 'Try again in 57 seconds.')).toMatchObject({
      kind: 'rate',
      statedWaitMs: 57_000,
    });
  });

  test('without one, until the day of UTC ends; in a rolling window so that checking cannot fill it', () => {
    expect(judge('image', 403, exve('CU-429'))).toMatchObject({ statedWaitMs: 6 * HOUR_MS + 5000 });
    expect(judge('image', 429, '')).toMatchObject({ kind: 'quota', statedWaitMs: 6 * HOUR_MS + 5000 });
    expect(judge('image', 403, exve('CU-429'), {}, { quotaWindow: 'rolling' })).toMatchObject({
      statedWaitMs: 2 * HOUR_MS,
    });
  });

  test.each([
    ['on time', 0, ['00:00:05']],
    ['a moment late', 20_000, ['00:00:05', '00:10:00']],
    ['twelve minutes late', 12 * 60_000, ['00:00:05', '00:10:00', '00:20:00']],
    ['an hour late', HOUR_MS, ['00:00:05', '00:10:00', '00:20:00', '00:40:00', '01:20:00']],
    [
      'a day of its own',
      5 * HOUR_MS,
      ['00:00:05', '00:10:00', '00:20:00', '00:40:00', '01:20:00', '02:40:00'],
    ],
  ])('a day that ends %s by our clock is not lost', (_, lateMs, asked) => {
    const midnight = Date.UTC(2026, 10, 30);
    const calls: string[] = [];
    let at = midnight - 3 * HOUR_MS;
    do {
      at += usedUpForMs('midnight', at);
      if (at < midnight + 20 * HOUR_MS) calls.push(new Date(at).toISOString().slice(11, 19));
    } while (at < midnight + lateMs);
    expect(calls).toEqual(asked);
  });

  test('never more checks in a day than leave most of it to work', () => {
    for (const quotaWindow of ['midnight', 'rolling'] as const) {
      let checks = 0;
      for (let at = NOW; at < NOW + 24 * HOUR_MS; checks++) at += usedUpForMs(quotaWindow, at);
      expect(checks).toBeLessThanOrEqual(12);
    }
  });
});

describe('answers that are none of the service’s', () => {
  test('nothing, a page, text, a list: the vendor has failed, where something was asked for', () => {
    for (const body of ['', ' ', '<html>', 'OK', '\u0000']) {
      expect(judge('telematics', 200, body)).toMatchObject({ kind: 'server' });
    }
    expect(judge('mappings', 200, '[]')).toMatchObject({ kind: 'ok' });
    expect(judge('charging-history', 204, '')).toMatchObject({ kind: 'ok' });
    expect(judge('container-remove', 200, '')).toMatchObject({ kind: 'ok' });
    expect(judge('tyres', 200, { error: 'boom' })).toMatchObject({ kind: 'invalid' });
    // Fields of an answer are no error's.
    expect(judge('basic-data', 200, { status: 'ACTIVE', message: 'quota', code: 7 })).toEqual({
      kind: 'ok',
      evidence: { vendor: 'bmw-cardata', account: 'car', operation: 'basic-data', httpStatus: 200 },
    });
  });

  test('a picture is not read as JSON, and an error in its place is', () => {
    expect(judge('image', 200, 'iVBORw0KGgo=', { 'content-type': 'image/png' })).toMatchObject({
      kind: 'ok',
    });
    expect(judge('image', 200, exve('CU-105'), { 'content-type': 'application/json' })).toMatchObject({
      kind: 'gone',
    });
    expect(judge('image', 200, '', { 'content-type': 'image/png' })).toMatchObject({ kind: 'server' });
  });
});

describe('a quota in any wording is one, in the interface and at the login', () => {
  test.each<[number, unknown, string?]>([
    [403, exve('CU-429: Quota')],
    [403, exve(429)],
    [403, exve('CU-430', 'Daily quota exceeded')],
    [403, { code: '403', message: 'Forbidden (CU-429)' }],
    [403, { response: { code: 'CU-429' } }],
    [403, { errorId: 'cu_429', msg: 'no' }],
    [403, '', 'CU-429'],
    [403, '', 'QuotaExceeded'],
    [403, { code: 'QuotaExceeded', message: 'Forbidden' }],
    [403, { error: { code: 403, status: 'DENIED', errors: [{ reason: 'dailyLimitExceeded' }] } }],
    [403, { code: 'RATE_LIMIT_EXCEEDED', message: 'Forbidden' }],
    [403, { error: 'rateLimitExceeded' }],
    [403, { code: 'TooManyRequests', message: 'Forbidden' }],
    [403, { __type: 'LimitExceededException', message: 'Forbidden' }],
    [403, { message: 'API limit reached' }],
    [403, { message: 'Maximum number of requests for today reached' }],
    [403, { message: 'Tageslimit erreicht' }],
    [403, { error: 'access_denied', error_description: 'Out of call volume quota.' }],
    [403, { error: 'unauthorized_client', error_description: 'Rate limit exceeded' }],
    [401, { error: 'invalid_client', error_description: 'Out of call volume quota.' }],
    [429, { error: 'invalid_request' }],
    [200, { statusCode: 403, message: 'Out of call volume quota.' }],
    [200, 'Out of call volume quota.'],
  ])('%i %j %s', (status, body, statusText = '') => {
    for (const operation of ['telematics', 'device-token', 'token-refresh']) {
      const { response, ...rest } = answer(status, body) as Extract<CallResult, { kind: 'response' }>;
      const result: CallResult = {
        ...rest,
        response: { ...response, ...(statusText === '' ? {} : { statusText }) },
      };
      expect(classifyCarData(call(operation), result, NOW, 'midnight')).toMatchObject({ kind: 'quota' });
    }
  });

  test.each<[number, unknown, Partial<Verdict>]>([
    [403, { message: 'Forbidden' }, { kind: 'auth' }],
    [403, exve('CU-104', 'not among the allowed vehicles of these requests'), { kind: 'invalid' }],
    [403, { message: 'no access (CU-105)' }, { kind: 'gone' }],
    [403, exve('CU-130', 'Speed limit of the vehicle'), { kind: 'invalid' }],
    [401, { message: 'Token of the quota service' }, { kind: 'auth' }],
    [200, { telematicData: {}, note: 'quota CU-429' }, { kind: 'ok' }],
  ])('%i %j is none', (status, body, expected) => {
    expect(judge('telematics', status, body)).toMatchObject(expected);
  });
});

describe('the login', () => {
  test.each([
    [403, 'authorization_pending', { kind: 'pending' }],
    [400, 'slow_down', { kind: 'pending' }],
    [401, 'expired_token', { kind: 'gone' }],
    [403, 'access_denied', { kind: 'invalid' }],
    [400, 'invalid_client', { kind: 'auth', reason: 'refused' }],
  ])('%i %s', (status, error, expected) => {
    expect(judge('device-token', status, { error })).toMatchObject(expected);
  });

  test('a refresh token that is no longer good needs a person; a quota does not touch it', () => {
    expect(judge('token-refresh', 400, { error: 'invalid_grant' })).toMatchObject({
      kind: 'auth',
      reason: 'refused',
    });
    const quota = 'Out of call volume quota. Quota will be replenished in 00:13:18.';
    expect(judge('token-refresh', 403, { statusCode: 403, message: quota })).toMatchObject({
      kind: 'quota',
      statedWaitMs: 798_000,
      limit: null,
    });
    expect(judge('token-refresh', 503, '')).toMatchObject({ kind: 'server', ambiguous: true });
    expect(judge('token-refresh', 200, { access_token: 'x' })).toMatchObject({ kind: 'ok' });
  });
});

test('the rules hold for every vendor’s', () => {
  for (const quotaWindow of ['midnight', 'rolling'] as const)
    expect(checkRules(cardataRules(quotaWindow))).toEqual([]);
});

test('any answer is one verdict, no wait is negative, and CU-429 is a quota however it is wrapped', () => {
  const junk = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.constant('<html>'));
  const headers = fc.dictionary(
    fc.constantFrom('retry-after', 'content-type', 'retry-after-ms'),
    fc.oneof(fc.string(), fc.integer().map(String)),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...CARDATA_OPERATIONS),
      fc.integer({ min: 100, max: 599 }),
      junk,
      headers,
      fc.constantFrom<QuotaWindow>('midnight', 'rolling'),
      fc.oneof(fc.integer(), fc.constant(Number.NaN), fc.double()),
      (operation, status, body, heads, quotaWindow, now) => {
        const verdict = classifyCarData(call(operation), answer(status, body, heads), now, quotaWindow);
        expect(verdict.evidence).toMatchObject({ account: 'car', operation });
        if ('statedWaitMs' in verdict && verdict.statedWaitMs !== null) {
          expect(verdict.statedWaitMs).toBeGreaterThan(0);
        }
        if (status >= 300) expect(verdict.kind).not.toBe('ok');
        const reported = classifyCarData(
          call('telematics'),
          answer(status, { ...exve('CU-429'), junk: body }, heads),
          now,
          quotaWindow,
        );
        expect(reported.kind).toBe('quota');
      },
    ),
  );
});
