/** Commands in the documents exist, with the options that are shown. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../../../client/cli/program';

const ROOT = path.join(__dirname, '..', '..', '..');
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Each command line as it stands in a text, without comments and without what follows in the sentence. */
function commandLines(text: string): string[] {
  return [...text.matchAll(/npx sluice ([a-z][^`#|"'\n]*)/g)].map(([, line = '']) => line.trim());
}

/** What runs when no subcommand is named; commander keeps its name to itself. */
function defaultOf(command: Command): Command | undefined {
  const { _defaultCommandName: name } = command as unknown as { readonly _defaultCommandName?: string };
  return command.commands.find((one) => one.name() === name);
}

/** What is wrong with a command line; null when nothing is. */
function problemOf(line: string, program: Command): string | null {
  let command = program;
  const options = () => {
    const known: string[] = ['--help'];
    for (let at: Command | null | undefined = defaultOf(command) ?? command; at; at = at.parent)
      known.push(...at.options.map(({ long }) => long ?? ''));
    return known;
  };
  let asked = false;
  for (const word of line.split(/\s+/)) {
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next !== undefined && !asked) {
      command = next;
      continue;
    }
    if (command === program) return `there is no command ${word}`;
    asked = true;
    const [option] = /^--[a-z][a-z-]*/.exec(word.replace(/^\[/, '')) ?? [];
    if (option !== undefined && !options().includes(option)) return `${command.name()} has no ${option}`;
  }
  return null;
}

const program = createProgram(() => undefined);

test.each(DOCUMENTS)('%s', (name) => {
  const lines = commandLines(readFileSync(path.join(ROOT, name), 'utf8'));
  const wrong = lines.flatMap((line) => {
    const problem = problemOf(line, program);
    return problem === null ? [] : [`npx sluice ${line}: ${problem}`];
  });
  expect(wrong).toEqual([]);
});

/** README: "Every listing also prints `--json`." */
test.each([
  ...['status', 'pools', 'coverage', 'doubts', 'set-aside', 'events', 'logins', 'streams', 'keys list'],
  ...[
    'backfill list',
    'sync list',
    'polling list',
    'batch list',
    'command list',
    'limit list',
    'vehicles list',
  ],
])('%s prints JSON, too', (name) => {
  expect(problemOf(`${name} --json`, program)).toBeNull();
});

test('a command or an option that does not exist is found', () => {
  expect(problemOf('pool resume amazon/x', program)).toBeNull();
  expect(problemOf('pols', program)).toBe('there is no command pols');
  expect(problemOf('pools --jsn', program)).toBe('pools has no --jsn');
});
