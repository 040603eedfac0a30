import { withoutSecret } from '../../../../activities/commands/sender';

const result = {
  outcome: 'failure',
  name: 'bad-password',
  code: '1',
  message: 'wrong password 1234 for 12345',
} as const;

test.each<[string, string | null, string]>([
  ['a short password as a word of its own', '1234', 'wrong password [secret] for 12345'],
  ['no password', null, result.message],
  ['another one', '99', result.message],
])('%s in the vendor’s words about a command', (_, password, message) => {
  expect(withoutSecret({ ok: true, value: result }, password)).toEqual({
    ok: true,
    value: { ...result, message },
  });
});

test('what cannot be read is quoted without it, too', () => {
  const unread = { ok: false, problem: 'no JSON: "1234 is wrong"' } as const;
  expect(withoutSecret(unread, '1234')).toEqual({ ok: false, problem: 'no JSON: "[secret] is wrong"' });
});
