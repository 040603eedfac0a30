import { checkedCommand } from '../../../../../client/operations/fleet/command-input';
import type { CommandDescription } from '../../../../../vendors/capabilities/commands';

const KNOWN: readonly CommandDescription[] = [
  { code: 'lock', about: 'locks the doors', params: [], repeat: 'never' },
  {
    code: 'climate',
    about: 'heats or cools',
    params: [{ name: 'action', values: ['start', 'stop'], fallback: 'start' }],
    repeat: 'on request',
  },
  { code: 'locate', about: 'asks where it is', params: [], repeat: 'always' },
];
const api = {
  known: KNOWN,
  deviceIdProblem: (id: string) => (id.length === 3 ? null : 'must have 3 characters'),
};
const check = (code: string, params: string[] = [], repeatable = false, deviceId = 'abc') =>
  checkedCommand('acme', api, { deviceId, code, params, repeatable });

test('a command of the set is completed with what was left out', () => {
  expect(check('climate')).toEqual({
    deviceId: 'abc',
    code: 'climate',
    params: ['start'],
    repeatable: false,
  });
  expect(check('climate', ['stop'], true)).toMatchObject({ params: ['stop'], repeatable: true });
  expect(check('locate').repeatable).toBe(true);
  expect(check('lock').repeatable).toBe(false);
});

test.each([
  ['a device’s id', () => check('lock', [], false, 'abcd'), 'device', '"abcd" must have 3 characters'],
  [
    'an unknown command',
    () => check('Lock'),
    'code',
    '"Lock" is no command of acme; there are lock, climate, locate',
  ],
  [
    'one that is never sent twice',
    () => check('lock', [], true),
    'repeatable',
    'lock is never sent twice; leave it out',
  ],
  [
    'a parameter too many',
    () => check('lock', ['now']),
    'params',
    'lock takes no parameters; "now" is one too many',
  ],
  [
    'another value',
    () => check('climate', ['on']),
    'params',
    'action of climate must be one of start, stop, not "on"',
  ],
])('%s that cannot be is named with its value', (_, run, field, message) => {
  expect(run).toThrow(expect.objectContaining({ field, message: expect.stringContaining(message) }));
});

test('devices with commands of their own take any', () => {
  const wanted = { deviceId: 'abc', code: 'ANY,1', params: ['x'], repeatable: true };
  expect(checkedCommand('acme', { ...api, known: null }, wanted)).toEqual(wanted);
});
