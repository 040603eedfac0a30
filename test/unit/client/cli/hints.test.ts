import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { withCommands } from '../../../../client/cli/hints';
import { createProgram } from '../../../../client/cli/program';
import { hint, RECOMMENDED } from '../../../../client/operations/hints';

test('a use case that a message recommends is shown as a command; other words in backticks stay', () => {
  expect(withCommands(`to try now: ${hint('pool resume', 'acme')}`)).toBe(
    'to try now: npx sluice pool resume acme',
  );
  expect(withCommands(`${hint('sync resume', 'amazon/rt-sales', 'acme')}, or ${hint('start worker')}`)).toBe(
    'npx sluice sync resume amazon/rt-sales --account acme, or npx sluice up --detach',
  );
  expect(withCommands('give `pool` or `pool of cars`')).toBe('give `pool` or `pool of cars`');
});

test.each(RECOMMENDED)('there is a command for "%s"', (useCase) => {
  const [, ...words] = withCommands(hint(useCase)).split(' ').slice(1, 4);
  let command: Command | undefined = createProgram();
  for (const word of words.filter((one) => /^[a-z]+$/.test(one)).slice(0, useCase.split(' ').length)) {
    command = command?.commands.find((one) => one.name() === word);
    if (command?.commands.length === 0) break;
  }
  expect(command?.name()).toMatch(/^\w/);
  expect(command?.name()).not.toBe('sluice');
});

/** They speak of this machine's processes, to whoever sits at it. */
const OF_THE_COMMAND_LINE = /\/(?:demo\/|supervisor|worker-environment|password|servers)/;

test('no message of a use case holds a command line: other programs are shown it, too', () => {
  const root = join(__dirname, '../../../../client/operations');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, name))
    .filter((file) => file.endsWith('.ts') && !OF_THE_COMMAND_LINE.test(file));
  expect(files.length).toBeGreaterThan(50);
  const found = files.filter((file) => /npx sluice/.test(readFileSync(file, 'utf8')));
  expect(found).toEqual([]);
});
