/**
 * Decisions are made by data: a cause is an enum, an error a class or a code. Nothing is decided by the words that a person
 * reads. What vendors say in words may be recognised in their own folders only.
 */
import { sourceLines } from '../../support/source-lines';

const WORDS = '(?:message|reason|cause|details?|why|hint|note|text|said|summary)';
const MEANING = '(?:message|reason|hint|why|note)';

// A verdict's `reason` is an enum, despite its name.
const FORBIDDEN: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['an error recognised by its name', /\berr(?:or)?\w*\??\.name\b(?!:)/],
  ['a name of an error compared', /\.name\s*[!=]==\s*'[A-Z]\w*(?:Error|Failure|NotFound|AlreadyStarted)'/],
  [
    'words searched',
    new RegExp(String.raw`\.${WORDS}\)?\??\.(?:startsWith|endsWith|includes|match|indexOf|search)\(`),
  ],
  [
    'words searched',
    new RegExp(String.raw`\b${MEANING}\)?\??\.(?:startsWith|endsWith|includes|match|search)\(`),
  ],
  ['words matched', new RegExp(String.raw`\.(?:test|exec)\((?:\w+\??\.)*${MEANING}\b`)],
  [
    'words compared',
    new RegExp(
      String.raw`(?<!typeof |verdict\.)\b${MEANING}\s*[!=]==\s*(?:['"\x60](?!['"\x60])|[A-Z][A-Z_]{2,})`,
    ),
  ],
];

const lines = sourceLines(({ path }) => !/^vendors\/(?!capabilities\/|kit\/)[^/]+\//.test(path));

test.each(FORBIDDEN)('nowhere is %s (%p)', (_, pattern) => {
  expect(
    lines.filter(({ code }) => pattern.test(code)).map(({ where, code }) => `${where}: ${code}`),
  ).toEqual([]);
});

test('the scan sees what it forbids', () => {
  const bad = [
    "if (error.name === 'KeyError') {",
    "if (status.name === 'WorkflowNotFoundError') {",
    "if (state.reason.startsWith('credentials refused')) {",
    "const late = message.includes('too late');",
    'if (/refused/.test(state.reason)) {',
    'const awaited = stored.reason === LOST_ROW;',
    "if (hint === 'look there') {",
  ];
  for (const line of bad) expect(FORBIDDEN.some(([, pattern]) => pattern.test(line))).toBe(true);
  expect(FORBIDDEN.some(([, pattern]) => pattern.test("if (reason === '') {"))).toBe(false);
});
