import type { VerdictKind } from '../../../../quota/verdict';
import type { CallResult } from '../../../../vendors/contract';
import { classifyGps51 } from '../../../../vendors/gps51/classify';
import { gps51Rules } from '../../../../vendors/gps51/rules';
import fc from '../../../support/run/properties';
import { answer, call, NOW, verdict, ZONE } from '../../../support/vendors/gps51-verdict';

const HOUR_MS = 3_600_000;

describe('the codes of the vendor’s page, as HTTP 200', () => {
  test.each<[number, VerdictKind]>([
    [0, 'ok'],
    [-1, 'invalid'],
    [8901, 'invalid'],
    [8902, 'rate'],
    [8903, 'blocked'],
    [8904, 'blocked'],
    [8905, 'quota'],
    [8906, 'blocked'],
    [9903, 'auth'],
    [9904, 'rate'],
    [9906, 'auth'],
    [4711, 'invalid'],
  ])('%i is %s', (status, kind) => {
    expect(verdict('lastposition', { status, cause: 'words' })).toMatchObject({
      kind,
      evidence: { code: String(status), message: 'words', httpStatus: 200, operation: 'lastposition' },
    });
  });

  test('a status may come as text, and whatever the HTTP status', () => {
    expect(verdict('querytrips', { status: '8902' })).toMatchObject({ kind: 'rate' });
    expect(verdict('querytrips', { status: 8902 }, 403)).toMatchObject({ kind: 'rate' });
    expect(verdict('querytrips', { status: 8905 }, 500)).toMatchObject({ kind: 'quota' });
  });

  test('"too fast" is the egress IP’s, and no wait is stated', () => {
    const rate = { kind: 'rate', limit: 'ip-per-minute', statedWaitMs: null };
    for (const status of [8902, 9904]) expect(verdict('querytracks', { status })).toMatchObject(rate);
  });
});

describe('8905: the account’s calls are used up', () => {
  test('until the vendor’s day ends', () => {
    expect(verdict('lastposition', { status: 8905 })).toMatchObject({
      limit: 'account-per-day',
      statedWaitMs: 4 * HOUR_MS + 5000,
    });
  });

  test('or the device’s, where it is a call of its trajectory', () => {
    const device = { kind: 'quota', limit: 'account-per-day', orLimit: 'device-trajectory-per-day' };
    for (const operation of ['querytracks', 'querytrips']) {
      expect(verdict(operation, { status: 8905 })).toMatchObject(device);
    }
    for (const operation of ['lastposition', 'sendcmd', 'login', 'querymonitorlist']) {
      expect(verdict(operation, { status: 8905 })).not.toHaveProperty('orLimit');
    }
  });

  test('the day is that of the account’s zone', () => {
    const { classify } = gps51Rules('Africa/Lagos');
    expect(classify(call('lastposition'), answer({ status: 8905 }), NOW)).toMatchObject({
      statedWaitMs: 11 * HOUR_MS + 5000,
    });
  });

  const MINUTE_MS = 60_000;
  test.each([
    // Its clock is behind ours: a whole day would be lost.
    [0, 10 * MINUTE_MS],
    [4000, 10 * MINUTE_MS - 4000],
    [10 * MINUTE_MS - 1, 1],
    [10 * MINUTE_MS, 24 * HOUR_MS - 10 * MINUTE_MS + 5000],
    [24 * HOUR_MS - 1, 5001],
  ])('%i ms after midnight it waits %i ms', (after, wait) => {
    const midnight = Date.UTC(2026, 10, 24, 16);
    expect(classifyGps51(call('login'), answer({ status: 8905 }), midnight + after, ZONE)).toMatchObject({
      kind: 'quota',
      statedWaitMs: wait,
    });
  });
});

describe('tokens', () => {
  test.each([9903, 9906])('%i asks for one new login', (status) => {
    expect(verdict('lastposition', { status })).toMatchObject({ kind: 'auth', reason: 'expired' });
  });

  test.each([9903, 9906])('%i that returns after a fresh login is "too fast"', (status) => {
    const fresh = call('lastposition', { freshLogin: true });
    expect(classifyGps51(fresh, answer({ status }), NOW, ZONE)).toMatchObject({
      kind: 'rate',
      limit: 'ip-per-minute',
    });
    const ofEndUser = call('user-querymonitorlist', { foreign: true });
    expect(classifyGps51(ofEndUser, answer({ status }), NOW, ZONE)).toMatchObject({ kind: 'rate' });
  });

  test.each(['login', 'user-login'])(
    '%s with an error that is on no list is refused, with the evidence',
    (operation) => {
      expect(verdict(operation, { status: 1, cause: 'username or password error' })).toMatchObject({
        kind: 'auth',
        reason: 'refused',
        evidence: { code: '1', message: 'username or password error' },
      });
      expect(verdict(operation, { status: 9906 })).toMatchObject({ kind: 'auth', reason: 'refused' });
    },
  );

  test.each<[number, VerdictKind]>([
    [0, 'ok'],
    [-1, 'invalid'],
    [8901, 'invalid'],
    [8902, 'rate'],
    [8903, 'blocked'],
    [8905, 'quota'],
    [9904, 'rate'],
  ])('a login answered with %i is %s: that says nothing of the credentials', (status, kind) => {
    expect(verdict('login', { status }).kind).toBe(kind);
  });
});

describe('commands', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'a result of %i is a result, not an error of the call',
    (status) => {
      for (const operation of ['sendcmd', 'sendcommand', 'querycommand']) {
        expect(verdict(operation, { status, cause: 'words' }).kind).toBe('ok');
      }
    },
  );

  test('beyond the results the codes are codes', () => {
    expect(verdict('sendcmd', { status: -1 }).kind).toBe('invalid');
    expect(verdict('sendcmd', { status: 8999 }).kind).toBe('invalid');
    expect(verdict('sendcmd', { status: 8902 }).kind).toBe('rate');
    expect(verdict('querycommand', { status: 9903 }).kind).toBe('auth');
  });

  test('elsewhere 1 to 8 are unheard of', () => {
    expect(verdict('querytrips', { status: 3 }).kind).toBe('invalid');
  });
});

test('the bit mask of a position is never read as a code', () => {
  for (const status of [8902, 8905, 9903, -1]) {
    const body = { records: [{ deviceid: 'x', status }], status: 0 };
    expect(verdict('lastposition', body).kind).toBe('ok');
  }
});

describe('not the vendor’s own words', () => {
  test.each<[number, unknown, VerdictKind]>([
    [200, '<html>maintenance</html>', 'server'],
    [200, '', 'server'],
    [200, '[1]', 'server'],
    [200, {}, 'invalid'],
    [200, { status: 'fine' }, 'invalid'],
    [302, '', 'server'],
    [403, '<html>forbidden</html>', 'server'],
    [404, { status: 404, error: 'Not Found' }, 'invalid'],
    [408, {}, 'server'],
    [500, { status: 500, error: 'Internal Server Error' }, 'server'],
    [500, { status: 0 }, 'server'],
    [502, '<html>bad gateway</html>', 'server'],
  ])('%i %j is %s', (status, body, kind) => {
    expect(verdict('lastposition', body, status).kind).toBe(kind);
  });

  test('429 is "too fast", with the wait that it states', () => {
    expect(verdict('lastposition', '', 429)).toMatchObject({ kind: 'rate', statedWaitMs: null });
    expect(verdict('lastposition', '', 429, { 'retry-after': '7' })).toMatchObject({ statedWaitMs: 7000 });
    const weeks = { 'retry-after': String(30 * 86_400) };
    expect(verdict('lastposition', '', 429, weeks)).toMatchObject({ kind: 'quota' });
  });

  test('503 may state a wait', () => {
    expect(verdict('lastposition', '', 503, { 'retry-after': '7' })).toMatchObject({ statedWaitMs: 7000 });
  });

  test('a command may have been carried out although its answer is of no use; a read leaves nothing behind', () => {
    for (const operation of ['sendcmd', 'sendcommand']) {
      expect(verdict(operation, '<html>', 502)).toMatchObject({ kind: 'server', ambiguous: true });
    }
    expect(verdict('querycommand', '<html>', 502)).toMatchObject({ kind: 'server', ambiguous: false });
  });

  test('no answer says whether the request may have arrived', () => {
    const lost = (mayHaveBeenSent: boolean): CallResult => ({
      kind: 'transport',
      error: { code: 'ECONNRESET', message: 'reset', mayHaveBeenSent },
    });
    const classify = (result: CallResult) => classifyGps51(call('sendcmd'), result, NOW, ZONE);
    expect(classify(lost(true))).toMatchObject({ kind: 'server', ambiguous: true });
    expect(classify(lost(false))).toMatchObject({ kind: 'server', ambiguous: false });
  });
});

test('evidence holds neither a token nor the hash of a password', () => {
  const secret = '6c1f1207c35d97a744837a19663ecdbe';
  const cause = `no user for ${secret} at https://api/openapi?action=x&token=t0ken&serverid=1`;
  const lost: CallResult = {
    kind: 'transport',
    error: { code: 'ECONNRESET', message: cause, mayHaveBeenSent: true },
  };
  for (const { evidence } of [
    verdict('login', { status: 1, cause }),
    classifyGps51(call('login'), lost, NOW, ZONE),
  ]) {
    expect(evidence.message).toContain('token=…&serverid=1');
    const worded = verdict('lastposition', { status: -1, cause: 'bad token: eyJhbGci-OiJIUzI1.NiJ9' });
    expect(worded.evidence.message).toBe('bad token: …');
    expect(JSON.stringify(evidence)).not.toMatch(/6c1f1207|t0ken/);
  }
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 8.64e15, -8.64e15])(
  'a used-up day at a time that no calendar has (%d) is a quota whose wait is modelled',
  (now) => {
    expect(classifyGps51(call('login'), answer('{"status":8905}', 200), now, ZONE)).toMatchObject({
      kind: 'quota',
      statedWaitMs: null,
    });
  },
);

test('any answer at all becomes a verdict, whichever call it answers', () => {
  const codes = fc.constantFrom(
    0,
    1,
    3,
    8,
    -1,
    8901,
    8902,
    8903,
    8904,
    8905,
    8906,
    9903,
    9904,
    9906,
    500,
    1.5,
    '8902',
  );
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({ status: fc.oneof(codes, fc.jsonValue()), cause: fc.jsonValue(), commandid: fc.jsonValue() })
      .map((b) => JSON.stringify(b)),
  );
  const operations = fc.constantFrom(
    'login',
    'user-login',
    'lastposition',
    'sendcmd',
    'sendcommand',
    'querycommand',
    '',
  );
  fc.assert(
    fc.property(
      operations,
      body,
      fc.integer({ min: 100, max: 599 }),
      fc.boolean(),
      fc.double(),
      (...given) => {
        const [operation, text, status, freshLogin, now] = given;
        const { kind, evidence } = classifyGps51(
          call(operation, { freshLogin }),
          answer(text, status),
          now,
          ZONE,
        );
        expect(typeof kind).toBe('string');
        expect(evidence).toMatchObject({ vendor: 'gps51', account: 'main', operation });
        expect(evidence.message?.length ?? 0).toBeLessThanOrEqual(600);
      },
    ),
    { numRuns: 500 },
  );
});
