/** What GPS51 says in words beside a status that says something else, or nothing. */
import { classifyGps51 } from '../../../../vendors/gps51/classify';
import { answer, call, NOW, verdict, ZONE } from '../../../support/vendors/gps51-verdict';

describe('an expired token under another status', () => {
  test.each([
    ['words under another name', { status: 1, msg: 'token expired' }, 200],
    ['the code under another name', { code: 9903 }, 200],
    ['a status that is no number', { status: 'error', message: 'Please log in again' }, 200],
    ['the code beside a word', { status: 'error', code: 9903 }, 200],
    ['the code as a decimal', { status: '9903.0' }, 200],
    ['the code within', { data: { status: 9903, cause: 'x' } }, 200],
    ['words within', { status: 1, cause: { message: 'token expired' } }, 200],
    ['words in a list', { status: 1, cause: ['token expired'] }, 200],
    ['words after others', { status: 1, cause: 'ok', message: 'token expired' }, 200],
    ['a page under 401', '<html>Unauthorized</html>', 401],
    ['401 without a body', '', 401],
  ])('%s gets one new login', (_, body, httpStatus) => {
    expect(verdict('querytrips', body, httpStatus)).toMatchObject({ kind: 'auth', reason: 'expired' });
    // At a login no token was sent.
    expect(verdict('login', body, httpStatus)).not.toMatchObject({ reason: 'expired' });
  });

  test.each([['ok'], ['Success'], [true], ['0'], [0]])('status %j is a good answer', (status) => {
    expect(verdict('lastposition', { status, records: [] }).kind).toBe('ok');
  });

  test.each([
    [1, 'global_error_token_expire'],
    [-1, 'please login'],
    [401, 'Please log in again'],
    [4711, 'invalid token'],
    [10001, 'not logged in'],
    [2, 'session timed out'],
    [7, '登录已过期，请重新登录'],
    [5, 'unauthorized'],
    [5, 'authentication required'],
    [1, 'Su sesión ha expirado'],
    [1, 'Сессия истекла, войдите снова'],
  ])('%i "%s" gets one new login', (status, cause) => {
    expect(verdict('querytrips', { status, cause })).toMatchObject({ kind: 'auth', reason: 'expired' });
    const fresh = classifyGps51(
      call('querytrips', { freshLogin: true }),
      answer({ status, cause }),
      NOW,
      ZONE,
    );
    expect(fresh.kind).toBe('rate');
  });

  test('a term of failure is no success, whatever stands beside it', () => {
    expect(verdict('lastposition', { status: 'fail', code: 0 }).kind).toBe('invalid');
    expect(verdict('lastposition', { status: 'ok', code: 0, message: 'success' }).kind).toBe('ok');
  });

  test("a command's result that speaks of a login stays one after a fresh login", () => {
    const sent = call('sendcmd', { freshLogin: true });
    expect(classifyGps51(sent, answer({ status: 2, cause: 'please login' }), NOW, ZONE).kind).toBe('ok');
  });

  test('a command that the device has confirmed is not sent again for words of tokens', () => {
    expect(verdict('sendcmd', { status: 6, cause: 'token expired' }).kind).toBe('ok');
    expect(verdict('querycommand', { status: 3, cause: 'token expired' }).kind).toBe('ok');
  });

  test('beside a 0, in a command’s result, and under HTTP 401', () => {
    const cause = 'global_error_token_expire';
    const expired = { kind: 'auth', reason: 'expired' };
    expect(verdict('lastposition', { status: 0, cause })).toMatchObject(expired);
    expect(verdict('sendcmd', { status: 1, cause })).toMatchObject(expired);
    expect(verdict('lastposition', {}, 401)).toMatchObject(expired);
    expect(verdict('login', { status: 1, cause })).toMatchObject({ kind: 'auth', reason: 'refused' });
  });

  test.each([
    ['sendcmd', 1, 'wrong password'],
    ['sendcmd', 5, 'login to the device failed'],
    ['sendcmd', 2, 'device not login'],
    ['querycommand', 2, '设备未登录'],
    ['lastposition', -1, 'abnormal'],
    ['lastposition', 0, 'OK'],
    ['querytrips', 77, 'catalogue incomplete'],
  ])('%s %i "%s" is none', (operation, status, cause) => {
    expect(verdict(operation, { status, cause }).kind).not.toBe('auth');
  });
});

describe('words about calls and about the system', () => {
  test.each([
    [1, 'ip limit:203.0.113.7'],
    [-1, 'requests are too frequent'],
    [500, '请求频繁'],
  ])('%i "%s" is "too fast"', (status, cause) => {
    expect(verdict('lastposition', { status, cause }).kind).toBe('rate');
    for (const operation of ['sendcmd', 'sendcommand', 'querycommand']) {
      expect(verdict(operation, { status: 5, cause }).kind).toBe('rate');
      // The device has it: it is not sent again.
      expect(verdict(operation, { status: 6, cause }).kind).toBe('ok');
    }
  });

  test('words about calls are a refusal beside a 0, too, where the answer brings nothing', () => {
    const cause = 'ip limit:203.0.113.7';
    expect(verdict('lastposition', { status: 0, cause, records: [] }).kind).toBe('rate');
    expect(verdict('lastposition', { status: 0, cause, records: [{ deviceid: 'x' }] }).kind).toBe('ok');
    expect(verdict('sendcmd', { status: 0, cause }).kind).toBe('rate');
    expect(verdict('sendcommand', { status: 0, cause, commandid: 7 }).kind).toBe('ok');
    const busy = { status: 0, cause: 'system busy, try again later' };
    expect(verdict('querytracks', { ...busy, records: [] }).kind).toBe('server');
    expect(verdict('querytracks', { ...busy, records: [{ updatetime: 1 }] }).kind).toBe('ok');
    expect(verdict('sendcmd', busy).kind).toBe('ok');
    expect(verdict('querytrips', { status: 0, cause: 'no data in the database', totaltrips: [] }).kind).toBe(
      'ok',
    );
    const usedUp = { status: 0, cause: "today's api calls are used up", totaltrips: [] };
    expect(verdict('querytrips', usedUp).kind).toBe('quota');
  });

  test.each([
    [0, 'the reporting frequency is set'],
    [5, 'reporting frequency not supported'],
    [7, 'too many retries'],
    [5, 'speed limit exceeded today'],
  ])('a command’s result of %i "%s" is of the device', (status, cause) => {
    expect(verdict('sendcmd', { status, cause }).kind).toBe('ok');
  });

  test('a status in words is named', () => {
    expect(verdict('querycommand', { status: 'confirmed' })).toMatchObject({
      kind: 'invalid',
      evidence: { message: 'the answer has no status that is a number: confirmed' },
    });
  });

  test('-1 to the question what became of a command is no answer to it, with whatever words', () => {
    const { kind, evidence } = verdict('querycommand', { status: -1, cause: 'global error' });
    expect({ kind, ...evidence }).toMatchObject({ kind: 'invalid', message: '-1 (abnormal): global error' });
    expect(evidence.code).toBeUndefined();
    expect(verdict('sendcommand', { status: -1, cause: 'global error' }).evidence.code).toBe('-1');
  });
});
