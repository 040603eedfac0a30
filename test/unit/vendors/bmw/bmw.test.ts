import { readBmwBody } from '../../../../vendors/bmw/error-body';
import { readJson } from '../../../../vendors/bmw/json';
import { parseBmwTokens, refreshTokenIn } from '../../../../vendors/bmw/tokens';
import { readEntry, readFields, readValue, timestampOf } from '../../../../vendors/bmw/values';
import { byGateway, readAnswer } from '../../../../vendors/bmw/verdicts';
import { vinProblem } from '../../../../vendors/bmw/vin';
import fc from '../../../support/run/properties';

const AT = Date.UTC(2026, 8, 7, 20, 35, 44, 995);

describe('states of a value', () => {
  test('null, the mark for "not available" and a value are three things; what is not mentioned is in no entry', () => {
    const timestamp = '2026-09-07T20:35:44.995Z';
    expect(readEntry({ value: null, unit: '%', timestamp: null })).toEqual({
      state: 'null',
      value: null,
      unit: '%',
      at: null,
    });
    expect(readEntry({ value: '-NA-', unit: 'kPa', timestamp })).toEqual({
      state: 'not-available',
      value: null,
      unit: 'kPa',
      at: AT,
    });
    expect(readEntry({ value: '240', unit: 'kPa', timestamp })).toEqual({
      state: 'value',
      value: '240',
      unit: 'kPa',
      at: AT,
    });
    expect(readEntry({ unit: 'km', timestamp })).toBeNull();
    expect(readEntry({ value: '', unit: '', timestamp: 'null' })).toEqual({
      state: 'value',
      value: '',
      unit: null,
      at: null,
    });
  });

  test('JSON inside a text is parsed, and what only looks like it stays text', () => {
    expect(readValue('[{"id":2,"status":"OK","date":"null"}]').value).toEqual([
      { id: 2, status: 'OK', date: 'null' },
    ]);
    expect(readValue('{"a":null}').value).toEqual({ a: null });
    for (const text of ['[not json', '{', '17.01.2027 00:00:00 UTC', '14.39', 'null', 'true']) {
      expect(readValue(text)).toMatchObject({ state: 'value', value: text });
    }
  });

  test('a bare value, a number, a flag and a record are kept as they are', () => {
    expect(readEntry('48260')).toMatchObject({ state: 'value', value: '48260', unit: null, at: null });
    expect(readEntry(false)).toMatchObject({ state: 'value', value: false });
    expect(readEntry(null)).toMatchObject({ state: 'null' });
    expect(readFields({ hasNavi: false, engine: 'B00A', colour: null })).toMatchObject({
      hasNavi: { state: 'value', value: false },
      colour: { state: 'null' },
    });
  });

  test('timestamps as ISO text, seconds or milliseconds', () => {
    expect(timestampOf('2026-09-07T20:35:44.995Z')).toBe(AT);
    expect(timestampOf(AT)).toBe(AT);
    expect(timestampOf(1_788_000_000)).toBe(1_788_000_000_000);
    for (const none of [null, '', '-NA-', -1, Number.NaN, {}, '2026-13-01T00:00:00Z'])
      expect(timestampOf(none)).toBeNull();
  });
});

describe('bodies', () => {
  test.each([
    [
      '{"exveErrorId":"CU-429","exveErrorRef":"r-1","exveErrorMsg":"Limit","exveNote":"Daily"}',
      'CU-429',
      'Limit; Daily',
    ],
    ['[{"exveErrorId":"CU-105","exveErrorMsg":"gone"}]', 'CU-105', 'gone'],
    ['{"error":"authorization_pending","error_description":"wait"}', 'authorization_pending', 'wait'],
    ['{"statusCode":429,"message":"Try again in 57 seconds."}', '429', 'Try again in 57 seconds.'],
    ['{"errors":[{},{"code":"X","detail":"d"}]}', 'X', 'd'],
    ['{"fault":{"faultstring":"Spike arrest"}}', '', 'Spike arrest'],
    ['Blocked', '', 'Blocked'],
    ['"text"', '', 'text'],
    ['\ufeff{"exveErrorId":"CU-500"}', 'CU-500', ''],
  ])('%s', (body, code, message) => {
    expect(readBmwBody(body).error).toMatchObject({ code, message });
  });

  test('a page and nothing are no error of anybody’s', () => {
    expect(readBmwBody(' <html>Access denied</html>')).toEqual({ error: null, kind: 'page' });
    expect(readBmwBody(' ')).toEqual({ error: null, kind: 'empty' });
    expect(readBmwBody('{"telematicData":{}}').error).toBeNull();
  });

  test('never throws, and keeps no token, NUL or half of a surrogate pair', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json({ maxDepth: 4 })), (body) => {
        const { error } = readBmwBody(body);
        expect(JSON.stringify(error ?? '')).not.toMatch(/\\u0000|\\ud[89a-f]/i);
      }),
    );
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
    for (const message of [`token ${token} is bad`, `refresh_token=${token}`, 'access_token: abcdef']) {
      const shown = JSON.stringify(
        readBmwBody(JSON.stringify({ exveErrorId: 'CU-100', exveErrorMsg: message })),
      );
      expect(shown).not.toMatch(/eyJhbG|abcdef/);
    }
  });

  test('JSON that cannot be stored, or is nested without end', () => {
    expect(readJson('{"a\\u0000":"b\\u0000c","d":"\\ud800"}')).toEqual({ a: 'bc', d: '\ufffd' });
    expect(readJson(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBeUndefined();
    expect(readJson('"[[[["')).toBe('[[[[');
  });
});

describe('what gateways say', () => {
  const NOW = Date.UTC(2026, 10, 29, 12);
  const call = {
    vendor: 'x',
    account: 'a',
    operation: 'read',
    attributes: { vendor: 'x', account: 'a' },
  };
  const judge = (status: number, body: string, headers: Record<string, string> = {}) =>
    byGateway(readAnswer(call, { status, headers, body }, NOW), {
      limit: 'l',
      acts: false,
      freshLogin: false,
    });

  test.each([
    [403, 'Out of call volume quota. Quota will be replenished in 00:13:18.', 'quota', 798_000],
    [403, '{"statusCode":403,"message":"Quota will be replenished in 02:26:00"}', 'quota', 8_760_000],
    [403, '{"message":"Come back. Try again in 3 minutes"}', 'quota', 180_000],
    [403, '{"message":"Daily quota exceeded"}', 'quota', null],
    [429, '{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}', 'rate', 57_000],
    [429, 'Out of call volume quota. Quota will be replenished in 00:00:20.', 'quota', 20_000],
    [403, 'Rate limit is exceeded.', 'quota', null],
    [429, '', 'quota', null],
    [429, '{"message":"Try again in 2 h 26 min"}', 'quota', 8_760_000],
    // Wherever it is said, and in whatever wrapping and language.
    [
      403,
      '{"error":{"code":"x","innererror":{"message":"OUT OF CALL VOLUME QUOTA, 00:13:18"}}}',
      'quota',
      798_000,
    ],
    [403, '{"data":["{\\"text\\":\\"Quota will be replenished in 00:13:18.\\"}"]}', 'quota', 798_000],
    [
      403,
      '<html><script>1</script><p>Call volume&nbsp;quota: try again in <b>00:13:18</b></p>',
      'quota',
      798_000,
    ],
    [403, '<error><message>Quota exceeded</message></error>', 'quota', null],
    [403, '{"error":"quota_exceeded","retryAfter":"00:13:18"}', 'quota', 798_000],
    [403, '{"message":"Forbidden","retry_after_ms":9000,"retryCount":3}', 'quota', 9000],
    [403, '{"message":"クォータを超過しました。2時間26分後に再試行してください。"}', 'quota', 8_760_000],
    [403, '{"message":"调用次数已用完，将在13分18秒后恢复"}', 'quota', 798_000],
    [403, '{"message":"Das Kontingent wird in 13 Minuten aufgefüllt"}', 'quota', 780_000],
    [403, '{"message":"La cuota se repondrá en 00:13:18."}', 'quota', 798_000],
    [403, '{"message":"Quota erschöpft, erneuert in 2 Stunden und 26 Minuten."}', 'quota', 8_760_000],
    [403, '{"message":"Kvoten är slut. Försök igen om 20 minuter."}', 'quota', 1_200_000],
    [403, '{"message":"Przekroczono limit wywołań. Spróbuj ponownie za 15 minut."}', 'quota', 900_000],
    [403, '{"message":"Kvóta je vyčerpána. Zkuste to znovu za 10 minut."}', 'quota', 600_000],
    [403, '{"message":"Квота исчерпана. Повторите через 13 минут."}', 'quota', 780_000],
    [403, '{"message":"Kota aşıldı. 10 dakika sonra tekrar deneyin."}', 'quota', 600_000],
    [403, '{"message":"Kiintiö täynnä. Yritä uudelleen 5 minuutin kuluttua."}', 'quota', 300_000],
    [
      403,
      '{"message":"Quota dépassé à 12:13:14 UTC, réessayez dans 2 heures 26 minutes"}',
      'quota',
      8_760_000,
    ],
    [401, '{"message":"Out of call volume quota. Quota will be replenished in 00:13:18."}', 'quota', 798_000],
    [429, '<html>Rate limit is exceeded. Try again in 57 seconds.</html>', 'rate', 57_000],
  ])('%i %s', (status, body, kind, statedWaitMs) => {
    expect(judge(status, body)).toMatchObject({ kind, statedWaitMs });
  });

  test('a quota, refused credentials, what is not there, and a client that is shut out are four things', () => {
    expect(judge(403, '{"message":"nope","retryCount":0}')).toMatchObject({
      kind: 'auth',
      reason: 'refused',
    });
    expect(judge(403, '<html>denied</html>')).toMatchObject({ kind: 'blocked', reason: 'configuration' });
    expect(judge(403, '<html>Access denied, 12:13:14</html>')?.kind).toBe('blocked');
    expect(judge(489, 'Blocked')).toEqual({
      kind: 'blocked',
      evidence: expect.objectContaining({ httpStatus: 489, message: 'Blocked' }),
    });
    expect(judge(404, '{}')).toMatchObject({ kind: 'gone' });
    expect(judge(401, '{"message":"Quota token"}')).toMatchObject({ kind: 'auth', reason: 'expired' });
    expect(judge(503, '', { 'retry-after': '7' })).toMatchObject({ kind: 'server', statedWaitMs: 7000 });
    expect(judge(200, '<html>')).toMatchObject({ kind: 'server' });
    expect(judge(204, '')).toBeNull();
  });
});

test('tokens of an answer, and its faults by field and never by value', () => {
  const body = { access_token: 'A', refresh_token: 'R', id_token: 'I', gcid: 'g', expires_in: '3600' };
  expect(parseBmwTokens(JSON.stringify(body))).toEqual({
    ok: true,
    value: { accessToken: 'A', refreshToken: 'R', idToken: 'I', subject: 'g', expiresInMs: 3_600_000 },
  });
  for (const [fault, field] of [
    [{ access_token: '' }, 'access_token'],
    [{ refresh_token: 7 }, 'refresh_token'],
  ] as const) {
    const parsed = parseBmwTokens(JSON.stringify({ ...body, id_token: 'secret-A', ...fault }));
    expect(parsed).toMatchObject({ ok: false, problem: expect.stringContaining(field) });
    expect(JSON.stringify(parsed)).not.toContain('secret-A');
  }
  expect(parseBmwTokens('<html>')).toMatchObject({ ok: false });
  // A life that cannot be read costs a refresh soon, and not the tokens.
  for (const expires_in of [-1, 0, 'soon', null, undefined, {}, 1e12]) {
    expect(parseBmwTokens(JSON.stringify({ ...body, expires_in }))).toMatchObject({
      ok: true,
      value: { accessToken: 'A', refreshToken: 'R', expiresInMs: 300_000 },
    });
  }
});

test.each<[string, string | null]>([
  ['{"refresh_token":"R2"}', 'R2'],
  ['[{"access_token":"A","refresh_token":"R2"}]', 'R2'],
  ['{"data":{"refresh_token":"R2"}}', 'R2'],
  [JSON.stringify('{"refresh_token":"R2"}'), 'R2'],
  ['{"request":{"refresh_token":"R1"},"answer":{"refresh_token":"R2"}}', 'R2'],
  ['{"request":{"refresh_token":"R1"}}', null],
  ['{"refresh_token":""}', null],
  ['{"refresh_token":7}', null],
  ['[null]', null],
  ['<html>', null],
])('the refresh token of an unusable answer: %s', (body, token) => {
  expect(refreshTokenIn(body, 'R1')).toBe(token);
});

test('VINs', () => {
  expect(vinProblem('WBATEST00SLUC0001')).toBeNull();
  for (const wrong of [
    '',
    'WBATEST00SLUCE001x',
    'WBATEST00SLUIE001',
    '../../containers',
    'wbatest00sluce001',
  ])
    expect(vinProblem(wrong)).toMatch(/17 capital letters/);
});
