/** What the documents name is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '..', '..', '..');
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const { SOURCE_FOLDERS } = require('../../../scripts/checkout.cjs') as { SOURCE_FOLDERS: readonly string[] };
const FOLDERS = [...SOURCE_FOLDERS, 'bin', 'docs', 'examples', 'ops', 'scripts', 'test'];
/** A path from the root, as it is written in code spans and commands; placeholders in capitals are none. */
const PATH = new RegExp(`(?<![\\w./-])(?:${FOLDERS.join('|')})/[\\w./-]*\\w(?:/|(?=[^\\w/*<]|$))`, 'g');

test.each(documents)('every path and link in %s leads to what there is', (file) => {
  const text = read(file);
  const paths = [...text.matchAll(PATH)].map(([path]) => path).filter((path) => !/[A-Z]{3,}/.test(path));
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, link = '']) =>
    join(dirname(file), link),
  );
  const code = paths.filter((path) => /\.(?:ts|mjs|cjs|sql|json|sh|md|yaml)$|\/$/.test(path));
  expect([...new Set([...code, ...links])].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('the README shows the example that the package is tried with', () => {
  const [, shown] = /```ts\n(import \{ openPermits[\s\S]*?)```/.exec(read('README.md')) ?? [];
  expect(shown).toBe(read('examples/permits.ts'));
});
