import { withoutKey } from '../../activities/without-key';
import type { CallResult } from '../../vendors/contract';

const answer = (body: string): CallResult => ({
  kind: 'response',
  response: { status: 200, headers: { 'x-note': body }, body },
});
const bodyOf = (result: CallResult) => (result.kind === 'response' ? result.response.body : '');

test.each([
  ['a key wherever it stands', 'sk-secret-key', 'key=sk-secret-keys', 'key=[key]s'],
  [
    'a short password as a word',
    '123456',
    '{"cause":"bad password 123456"}',
    '{"cause":"bad password [key]"}',
  ],
  ['a password of signs', 'p+w(d.', 'was p+w(d.', 'was [key]'],
])('%s is hidden', (_, key, body, expected) => {
  const hidden = withoutKey(answer(body), key);
  expect(bodyOf(hidden)).toBe(expected);
  expect(hidden).toMatchObject({ response: { headers: { 'x-note': expected } } });
});

test.each([
  ['a number that a short password is a part of', '123456', '{"commandid":"8612345601"}'],
  ['a code', '8902', '{"status":8902}'],
  ['anything, where there is no key', null, 'text'],
])('%s is left as it is', (_, key, body) => {
  expect(bodyOf(withoutKey(answer(body), key))).toBe(body);
});

test('and the message of an error of the network', () => {
  const error = { code: 'X', message: 'of sk-secret-key', mayHaveBeenSent: true };
  expect(withoutKey({ kind: 'transport', error }, 'sk-secret-key')).toMatchObject({
    error: { message: 'of [key]' },
  });
});
