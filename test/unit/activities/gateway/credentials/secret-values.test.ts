import { createHash, randomBytes } from 'node:crypto';
import { SecretValues } from '../../../../../activities/gateway/credentials/secret-values';
import type { CallResult } from '../../../../../vendors/contract';
import { freePass } from '../../../../support/pass';
import fc from '../../../../support/run/properties';

const KEY = 'pä$$ "w/ö|rd+&<1>\\=';
const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const hidden = (secret: string, text: string) => SecretValues.of([secret]).hide(text);

test.each([
  ['a key wherever it stands', 'sk-secret-key', 'key=sk-secret-keys', 'key=[secret]s'],
  [
    'a short password as a word',
    '123456',
    '{"cause":"bad password 123456"}',
    '{"cause":"bad password [secret]"}',
  ],
  ['a short password after an escape', 'abcde', 'p%3Dabcde&x', 'p%3D[secret]&x'],
  ['a password of signs', 'p+w(d.', 'was p+w(d.', 'was [secret]'],
  [
    'a part of a token of several',
    '{"token":"tok-0123456789","serverid":"3"}',
    'tok-0123456789 3',
    '[secret] 3',
  ],
])('%s is hidden', (_, key, body, expected) => {
  expect(hidden(key, body)).toBe(expected);
});

test.each<readonly [string, (text: string) => string]>([
  ['as it is', (text) => text],
  ['in JSON', (text) => JSON.stringify(text).slice(1, -1)],
  ['in JSON of JSON', (text) => JSON.stringify(JSON.stringify(text)).slice(3, -3)],
  ['in JSON with escaped solidi', (text) => JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/')],
  [
    'in JSON of ASCII',
    (text) => [...text].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  ],
  ['in a URL', encodeURIComponent],
  ['in a URL in lower case', (text) => encodeURIComponent(text).toLowerCase()],
  ['in a URL within a URL', (text) => encodeURIComponent(encodeURIComponent(text))],
  ['in a form', (text) => new URLSearchParams({ a: text }).toString().slice(2)],
  ['in HTML', (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)],
  [
    'in HTML by name',
    (text) =>
      text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c),
  ],
  ['in base64', (text) => Buffer.from(text).toString('base64')],
  ['in base64url', (text) => Buffer.from(text).toString('base64url')],
  ['in hex', (text) => Buffer.from(text).toString('hex').toUpperCase()],
  ['by its MD5', md5],
  ['by its SHA-256', (text) => createHash('sha256').update(text).digest('base64')],
])('a secret is found %s', (_, encode) => {
  const text = `refused: ${encode(KEY)} (code 7)`;
  expect(hidden(KEY, text)).toMatch(/^refused: \[secret\]=* \(code 7\)$/);
});

test('a secret is found in any mixture of escapes, and nothing beside it is taken', () => {
  const hex = (n: number, digits = 2) => n.toString(16).padStart(digits, '0');
  const bytes = (c: string, each: (byte: string) => string) =>
    [...Buffer.from(c)].map((byte) => each(hex(byte))).join('');
  const units = (c: string) => c.split('').map((unit) => `\\u${hex(unit.charCodeAt(0), 4)}`);
  const ways: readonly ((c: string) => string)[] = [
    (c) => c,
    (c) => JSON.stringify(c).slice(1, -1),
    (c) => JSON.stringify(JSON.stringify(c)).slice(3, -3),
    (c) => bytes(c, (byte) => `%${byte}`),
    (c) => bytes(c, (byte) => `%25${byte.toUpperCase()}`),
    (c) => bytes(c, (byte) => `\\x${byte}`),
    (c) => units(c).join(''),
    (c) => `&#${c.codePointAt(0)};`,
    (c) => `&amp;#x${hex(c.codePointAt(0) ?? 0)};`,
    (c) => (c === ' ' ? '+' : c),
  ];
  const character = fc.oneof(
    fc.constantFrom(...'aZ09%&\\/"\'<>+-_=#; nux$;äßЖ€😀'),
    fc.string({ minLength: 1, maxLength: 1 }),
  );
  const secret = fc
    .array(character, { minLength: 8, maxLength: 24 })
    // A backslash at an end may stay, which is no harm.
    .filter((all) => new Set(all).size >= 4 && all[0] !== '\\' && all.at(-1) !== '\\');
  fc.assert(
    fc.property(
      secret,
      fc.array(fc.nat(ways.length - 1), { minLength: 24, maxLength: 24 }),
      (all, chosen) => {
        const written = all.map((c, i) => ways[chosen[i] ?? 0]?.(c)).join('');
        expect(hidden(all.join(''), `|${written}|`)).toBe('|[secret]|');
      },
    ),
    { numRuns: 1000 },
  );
});

test('a long token is searched for as fast as a short one, the first time, too', () => {
  const token = () => randomBytes(1500).toString('base64url');
  const text = JSON.stringify({ data: randomBytes(3000).toString('base64') });
  // Compiling a pattern of such a token took about a second for each.
  const began = process.cpuUsage();
  for (let i = 0; i < 20; i++) expect(hidden(token(), text)).toBe(text);
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(2000);
});

test.each([[''], ['u:'], ['me:']])(
  'in the base64 of a longer text (%j before it) no half of it is left',
  (before) => {
    const left = hidden('correct-horse', Buffer.from(`${before}correct-horse:x`).toString('base64'));
    expect(left).toContain('[secret]');
    expect(left.replace('[secret]', '').length).toBeLessThan(12);
  },
);

test.each([
  ['a number that a short password is a part of', '123456', '{"commandid":"8612345601"}'],
  ['a code', '8902', '{"status":8902}'],
  ['anything, where there is no key', '', 'text'],
])('%s is left as it is', (_, key, body) => {
  expect(hidden(key, body)).toBe(body);
});

test('in words that nothing is read out of, a password of any length is hidden', () => {
  expect(SecretValues.of(['8902']).hideInMessage('wrong password 8902 of 18902')).toBe(
    'wrong password [secret] of 18902',
  );
});

test('headers and the message of an error of the network are cleaned as well', () => {
  const answer: CallResult = {
    kind: 'response',
    response: { status: 401, headers: { 'x-note': 'of sk-secret-key' }, body: 'sk-secret-key' },
  };
  expect(freePass(['sk-secret-key']).clean(answer)).toMatchObject({
    response: { headers: { 'x-note': 'of [secret]' }, body: '[secret]' },
  });
  const error = { code: 'X', message: 'of sk-secret-key', mayHaveBeenSent: true };
  expect(freePass(['sk-secret-key']).clean({ kind: 'transport', error })).toMatchObject({
    error: { message: 'of [secret]' },
  });
});
