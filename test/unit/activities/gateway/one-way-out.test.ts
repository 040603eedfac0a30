/**
 * No call to a vendor without a permit: the functions that send ask for the pass of one, the gateway alone makes passes, and
 * nothing else can send. dependency-cruiser holds the imports (`one-way-out`); here is what needs no import.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SHIPPED_FOLDERS } from '../../../support/source-folders';

const ROOT = join(__dirname, '..', '..', '..', '..');

const sources = SHIPPED_FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => relative(ROOT, join(ROOT, folder, name))),
).map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));

const filesWith = (pattern: RegExp) =>
  sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file);

test('only the gateway makes a pass', () => {
  expect(filesWith(/new CallPass\(/)).toEqual(['activities/gateway/vendor-call.ts']);
});

test('nothing else sends: what Node offers without an import is used for what is no vendor alone', () => {
  const others = filesWith(
    /(?<!async |[.\w])fetch\(|globalThis\.fetch|new (?:WebSocket|EventSource|XMLHttpRequest)\(/,
  );
  expect(others.sort()).toEqual([
    // The control interface of simulators that this process has started.
    'client/operations/demo/simulator-process.ts',
    'client/operations/pools/limit-use.ts',
    // Temporal's program.
    'embedded/temporal/install.ts',
    // The check of a vendor's folder calls its simulator, at a loopback address alone.
    'vendors/conformance/wire.ts',
  ]);
  const { text: wire = '' } = sources.find(({ file }) => file === 'vendors/conformance/wire.ts') ?? {};
  expect(wire).toMatch(/if \(!LOOPBACK\.test\(new URL\(url\)\.hostname\)\) \{\s*throw/);
  for (const file of others.filter((name) => name.startsWith('client/'))) {
    const { text = '' } = sources.find((source) => source.file === file) ?? {};
    expect(text.match(/\bfetch\([^)]*/g)?.every((call) => call.includes('/_sim/'))).toBe(true);
  }
});

test('no program is run that could send', () => {
  expect(filesWith(/\b(?:spawn|exec|execFile)(?:Sync)?\(\s*['"`](?:curl|wget|nc)\b/)).toEqual([]);
});
