import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  changedSince,
  environmentPrint,
} from '../../../../../client/operations/processes/worker-environment';
import { parseSettings } from '../../../../../settings';
import { generateKey, KeyRing } from '../../../../../store/secrets/keyring';

const [old, newer] = [generateKey(), generateKey()];
const keys = KeyRing.parse(old);
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'environment-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function printOf(env: Record<string, string>, text = '', ring = keys) {
  const file = join(folder, 'sluice.yaml');
  writeFileSync(file, text);
  return environmentPrint(
    { ...parseSettings('', { file: null, baseDir: folder, env: {} }), file },
    ring,
    env,
  );
}

const TEXT = `accounts: { a: { vendor: openai, apiKey: env:MY_KEY, baseUrl: "\${MY_URL:-http://127.0.0.1:1}" } }`;

test.each<[string, Record<string, string>, Record<string, string>, string[]]>([
  ['nothing', { MY_KEY: 'a' }, { MY_KEY: 'a', OTHER: 'x' }, []],
  ['a secret', { MY_KEY: 'a' }, { MY_KEY: 'b' }, ['MY_KEY']],
  ['a secret that is not set here', { MY_KEY: 'a' }, {}, ['MY_KEY']],
  ['a value in the settings', { MY_KEY: 'a' }, { MY_KEY: 'a', MY_URL: 'http://x' }, ['MY_URL']],
  [
    'a variable that sets a key',
    { LOG_LEVEL: 'warn' },
    { LOG_LEVEL: 'info', TEMPORAL_API_KEY: 'k' },
    ['LOG_LEVEL', 'TEMPORAL_API_KEY'],
  ],
])('names what has changed: %s', (_, before, now, changed) => {
  expect(changedSince(printOf(before, TEXT), printOf(now, TEXT))).toEqual(changed);
});

test('with other keys of the vault, those alone are named', () => {
  const before = printOf({ MY_KEY: 'a' }, TEXT);
  const after = printOf({ MY_KEY: 'b' }, TEXT, KeyRing.parse(`${newer}\n${old}`));
  expect(changedSince(before, after)).toEqual(['vault keys']);
});

test('holds no value', () => {
  expect(JSON.stringify(printOf({ MY_KEY: 'my-secret' }, TEXT))).not.toContain('my-secret');
});

test('a process of an earlier version, which recorded nothing, has nothing older', () => {
  expect(changedSince({}, printOf({ MY_KEY: 'a' }, TEXT))).toEqual([]);
});
