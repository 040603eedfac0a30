/**
 * Makes a batch of rows, or of a text, in place of a file on this machine: either is written to a file that is read
 * and removed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Backend } from '../backend/backend';
import { invalid, OperationError, type Problem } from '../errors';
import { operation } from '../operation';
import { document } from '../texts';
import { countText } from '../time-text';
import { requestFields } from './request';
import { planBatch, type StartedBatch, startBatch } from './start';

const cell = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: 'must be text, a number, true, false or null',
});

const { input: _file, promptFile: _prompt, ...fields } = requestFields;

const given = {
  ...fields,
  /** One object an item. The first column, or the one called `id` or `…_id`, is its id. */
  rows: document(
    z
      .array(z.record(z.string(), cell))
      .min(1, 'must hold a row at least')
      .max(1_000_000, 'must hold at most 1000000 rows'),
  ).optional(),
  /** Instead of rows: the text of a CSV file. */
  csv: document(z.string().min(1, 'must not be empty')).optional(),
  /** What the input is called in lists. */
  inputName: z
    .string()
    .regex(/^[\w.-][\w. -]{0,99}$/, 'must be a plain name of at most 100 characters')
    .default('rows'),
};

export const startBatchFromRows = operation({
  about: 'work on rows; the same rows again go on where they stood',
  input: z.strictObject(given),
  json: startBatch.json,
  run: (backend, request): Promise<StartedBatch> => withFile(backend, request, startBatch),
});

export const planBatchFromRows = operation({
  about: planBatch.about,
  input: z.strictObject(given),
  json: planBatch.json,
  run: (backend, request) => withFile(backend, request, planBatch),
});

export const startBatchFromUpload = operation({
  about: 'work on the rows of a file that was sent',
  input: z.strictObject(fields),
  json: startBatch.json,
  /** @param file where it lies for as long as this lasts. */
  run: (backend, request, file: string): Promise<StartedBatch> =>
    startBatch(backend, { ...request, input: file } as never).catch((error: unknown) => {
      throw renamed(error, null, `${dirname(file)}/`);
    }),
});

async function withFile<Result>(
  backend: Backend,
  { rows, csv, inputName, ...request }: z.output<z.ZodObject<typeof given>>,
  work: (backend: Backend, input: never) => Promise<Result>,
): Promise<Result> {
  if ((rows === undefined) === (csv === undefined)) {
    throw invalid(
      'rows',
      rows === undefined ? 'is missing; give `rows` or `csv`' : 'stands beside `csv`; give one of them',
      'MISSING_INPUT',
    );
  }
  const field = rows === undefined ? 'csv' : 'rows';
  const folder = await mkdtemp(join(tmpdir(), 'sluice-rows-'));
  try {
    const file = join(folder, /\.csv$/i.test(inputName) ? inputName : `${inputName}.csv`);
    await writeFile(file, csv ?? csvOf(rows ?? []), { mode: 0o600 });
    // What it was checked as once is text again where the file's use case reads text.
    return await work(backend, { ...request, input: file } as never).catch((error: unknown) => {
      throw renamed(error, field, `${folder}/`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Problems of the file are problems of the field that it was made from. */
function renamed(error: unknown, field: string | null, folder: string): unknown {
  if (!(error instanceof OperationError)) return error;
  const problems = error.problems.map((one) => ({
    ...one,
    field: one.field === 'input' ? field : one.field,
    message: one.message.replaceAll(folder, ''),
  }));
  return new OperationError(problems as unknown as [Problem, ...Problem[]]);
}

const MAX_COLUMNS = 1_000;
/** More than fit into a body where each row has all columns; what few rows have is an empty cell of all others. */
const MAX_CELLS = 12_000_000;

/** A column for every name, in the order in which they are first met. @throws OperationError for too large a table. */
export function csvOf(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (columns.length > MAX_COLUMNS || columns.length * rows.length > MAX_CELLS) {
    const [names, most, cells] = [columns.length, MAX_COLUMNS, MAX_CELLS].map(countText);
    throw invalid(
      'rows',
      `have ${names} different names in ${countText(rows.length)} rows; at most ${most} names and ${cells} cells make a table. Give all rows the same names, such as {"id": "7", "name": "Ann"}`,
    );
  }
  const line = (cells: readonly unknown[]) => cells.map(quoted).join(',');
  return `${[line(columns), ...rows.map((row) => line(columns.map((name) => row[name] ?? '')))].join('\n')}\n`;
}

const quoted = (value: unknown) => `"${String(value).replaceAll('"', '""')}"`;
