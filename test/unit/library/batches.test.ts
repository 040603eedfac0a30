/** A plan needs no server: what a program gets of a batch, and what it is reported is wrong with it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSluice, OperationError } from '../../../library';
import { temporaryFolder } from '../../support/run/run-folder';

const settings = 'accounts: { texts: { vendor: openai, apiKey: "env:NONE", dailyLimit: 100 } }';
const cwd = temporaryFolder('library-batches');
const { batches } = createSluice({ settings, cwd, env: {} });

function file(name: string, text: string): string {
  const path = join(cwd, name);
  writeFileSync(path, text);
  return path;
}

const good = file('good.csv', 'id,name\n# a comment\n1,Can\n2,Abba\n');
const bad = file('bad.csv', 'id,name\n1,Can\n1,Abba\n2\n3,Faust\n');
const base = { kind: 'openai/bios', account: 'texts', model: 'gpt-4.1-mini', prompt: 'Who is {{name}}?' };

async function refused(input: Partial<Parameters<typeof batches.plan>[0]>) {
  const error = await batches.plan({ ...base, input: good, ...input }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(OperationError);
  return (error as OperationError).problems.map(({ field, message }) => `${field}: ${message}`);
}

test('a plan is data: numbers as numbers or text, the requests, and what is void of the terms', async () => {
  const planned = await batches.plan({
    ...base,
    input: good,
    maxConcurrency: 4,
    pauseHours: '90m',
    dailyLimit: '500',
    latency: '300ms',
  });
  expect(planned).toMatchObject({
    input: { columns: ['id', 'name'], items: 2, comments: { count: 1, firstLine: 2 }, asksTheSame: false },
    mostInFlight: 4,
    via: 'responses',
    priority: 'background',
    latencyMs: { min: 300, max: 300 },
    voidTerms: [{ term: 'dailyLimit', value: 500, why: expect.stringContaining('100 calls a day hold') }],
  });
  expect(planned.requests).toMatchObject([{ input: 'Who is Can?' }, { input: 'Who is Abba?' }]);
});

test('bad rows stop it, each with its line, or are left out and counted', async () => {
  expect(await refused({ input: bad })).toEqual([
    'input: 2 bad rows; mend them, or leave them out with `onBadRow` skip',
    'input: line 3: the id "1" is that of line 2 already',
    'input: line 4: has 1 fields instead of 2 (id, name)',
  ]);
  const { input } = await batches.plan({ ...base, input: bad, onBadRow: 'skip' });
  expect(input).toMatchObject({ items: 2, badCount: 2 });
});

test.each([
  [{ quotaThreshold: 1.5 }, /^quotaThreshold: 1.5 must be a share above 0 and up to 1$/],
  [{ maxConcurrency: '2001' }, /^maxConcurrency: "2001" must be at most 2000$/],
  [{ quotaMonitoring: 'on' as never }, /^quotaMonitoring: "on" must be true or false$/],
  [{ latency: '3s..1s' }, /^latency: "3s..1s" must be a shortest and a longest time/],
  [{ via: 'post' as never }, /^via: "post" must be responses or batch-api$/],
  [{ prompt: 'Who is {{nobody}}?' }, /^prompt: \{\{nobody\}\} is no column of the input/],
  [{ prompt: ' ' }, /^prompt: is empty$/],
  [{ promptFile: 'x.md' }, /^prompt: stands for `promptFile`; give one of them$/],
  [{ prompt: undefined }, /^promptFile: is missing; give `promptFile` or `prompt`$/],
  [{ kind: 'bios' }, /^kind: "bios" must be vendor\/name/],
  [{ account: 'none' }, /^account: .*none/],
  [{ input: file('empty.csv', '# nothing\n') }, /holds no items, and 1 line that begins with #/],
])('%j is refused: %s', async (input, what) => {
  const [first, ...more] = await refused(input as never);
  expect(first).toMatch(what);
  expect(more).toEqual([]);
});
