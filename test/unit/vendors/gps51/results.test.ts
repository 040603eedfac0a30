import { parsePolled, parseQueued, parseSent } from '../../../../vendors/gps51/results';

const DEVICE = { deviceId: '0868120' };
const text = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body));
const sent = (body: unknown) => parseSent(text(body), DEVICE);
const queued = (body: unknown) => parseQueued(text(body), DEVICE);
const polled = (body: unknown) => parsePolled(text(body), { commandId: '77', ...DEVICE });

test.each([
  [0, 'success', 'sent'],
  [1, 'failure', 'bad-password'],
  [2, 'failure', 'offline'],
  [3, 'success', 'cached'],
  [4, 'failure', 'default-password'],
  [5, 'failure', 'error'],
  [6, 'success', 'confirmed'],
  [7, 'failure', 'retries-failed'],
  [8, 'unknown', 'confirmation-timeout'],
  [77, 'unknown', 'unrecognised'],
])('the result %i is %s: %s', (status, outcome, name) => {
  const result = { outcome, name, code: String(status), message: 'words' };
  expect(sent({ status, cause: 'words' })).toEqual({ ok: true, value: { result } });
  expect(sent({ status: `${status}`, cause: 'words' })).toEqual({ ok: true, value: { result } });
});

test('its words are fit to be stored, and hold no secret', () => {
  const cause = `offline\u0000, token=abc123, ${'d41d8cd98f00b204e9800998ecf8427e'} ${'x'.repeat(2000)}`;
  const parsed = polled({ status: 2, cause });
  const message = parsed.ok ? parsed.value.message : '';
  expect(message).toMatch(/^offline , token=… … x+…$/);
  expect(message.length).toBeLessThanOrEqual(500);
});

test('polled later, "sent" is not yet a result', () => {
  expect(polled({ status: 0 })).toMatchObject({ value: { outcome: 'pending' } });
  expect(polled({ status: 6 })).toMatchObject({ value: { outcome: 'success' } });
});

test('an answer without a result is none', () => {
  for (const body of [{}, { status: null }, { status: 'confirmed' }]) {
    expect(sent(body)).toMatchObject({ ok: false, problem: 'status: is missing' });
  }
  expect(polled('').ok).toBe(false);
});

test.each([
  [{ status: 0, data: { status: 2, cause: 'words' } }],
  [{ status: 200, message: 'success', result: { status: '2', cause: 'words' } }],
  [
    {
      status: 0,
      records: [
        { commandid: '76', status: 6 },
        { commandid: 77, status: 2, cause: 'words' },
      ],
    },
  ],
])('the result within %j is the one that counts', (body) => {
  expect(polled(body)).toMatchObject({ value: { outcome: 'failure', name: 'offline', message: 'words' } });
});

describe('handed over', () => {
  test('a command has an id, or a result at once', () => {
    expect(queued({ status: 0, commandid: 4711 })).toEqual({ ok: true, value: { commandId: '4711' } });
    expect(queued({ status: 3, commandid: '7' })).toEqual({ ok: true, value: { commandId: '7' } });
    expect(queued({ status: 0, data: { commandId: '7' } })).toEqual({ ok: true, value: { commandId: '7' } });
    expect(queued({ status: 0, Command_ID: '7' })).toEqual({ ok: true, value: { commandId: '7' } });
    expect(queued({ status: 3, cause: 'words' })).toEqual({
      ok: true,
      value: { result: { outcome: 'success', name: 'cached', code: '3', message: 'words' } },
    });
    expect(queued({ status: 2 })).toMatchObject({ value: { result: { name: 'offline' } } });
    expect(queued('?').ok).toBe(false);
  });

  test.each([undefined, null, '', ' ', 0, '0', 'null'])('an id of %j is none', (commandid) => {
    expect(queued({ status: 0, commandid })).toEqual({
      ok: false,
      problem: expect.stringMatching(/^commandid: is missing: the vendor says that it has the command/),
    });
    expect(queued({ status: 1, commandid })).toMatchObject({ value: { result: { name: 'bad-password' } } });
  });
});

describe('of another command or device', () => {
  test('is no result of this one', () => {
    expect(polled({ status: 6, commandid: '78' })).toMatchObject({
      ok: false,
      problem: 'commandid: is 78, and 77 was asked for',
    });
    expect(polled({ status: 6, commandid: 77, deviceid: '999' })).toMatchObject({
      ok: false,
      problem: 'deviceid: is 999, and 0868120 was asked for',
    });
    expect(sent({ status: 6, deviceid: '999' }).ok).toBe(false);
    expect(queued({ status: 0, deviceid: '999', commandid: '7' }).ok).toBe(false);
  });

  test('a number has lost its leading zeros, and is the same device', () => {
    expect(polled({ status: 6, commandid: 77, deviceid: 868120 })).toMatchObject({
      value: { name: 'confirmed' },
    });
  });
});
