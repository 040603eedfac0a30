/** What a new batch is asked for: its fields, and everything that can be wrong with them, found before the first call. */
import { basename } from 'node:path';
import { z } from 'zod';
import type { RunOptions } from '../../../quota/batches/run-terms';
import type { Settings } from '../../../settings';
import { wholePositive } from '../../../vendors/account-fields';
import { batchConcurrency, batchFields } from '../../../vendors/batch-fields';
import { promptVariables } from '../../../vendors/prompt';
import { invalid, OperationError, type Problem } from '../errors';
import { filePath, name, priority } from '../fields';
import { document } from '../texts';
import { countText } from '../time-text';
import type { GivenAgain } from './again';
import { type BatchRequest, type TextAccount, textAccount } from './batch';
import { checkVia, DELIVERY_MODES } from './delivery-mode';
import { checkInput, type InputCheck } from './input';
import { checkVariables, promptOf } from './prompt';

/** A number, as one or as text; other text stays as it is, and gets the field's own error. */
function numeric<Kind extends z.ZodType>(kind: Kind): z.ZodType<z.output<Kind>, number | string> {
  return z.preprocess(asNumber, kind) as unknown as z.ZodType<z.output<Kind>, number | string>;
}

function asNumber(given: unknown): unknown {
  const text = typeof given === 'string' ? given.trim() : '';
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : given;
}

/**
 * Terms of the run, by the names and ranges of the settings that they stand in for. What is given is stored with the
 * batch; what is not is the account's.
 */
export const runTermFields = {
  quotaThreshold: numeric(batchFields.quotaThreshold.unwrap()).optional(),
  dailyLimit: numeric(batchFields.dailyLimit.unwrap()).optional(),
  pauseHours: numeric(batchFields.pauseHours.unwrap()).optional(),
  quotaMonitoring: batchFields.quotaMonitoring.unwrap().optional(),
  logInterval: numeric(batchFields.logInterval.unwrap()).optional(),
};

export const requestFields = {
  /** `vendor/name`, such as `openai/bios`; the name is the caller's. */
  kind: name,
  account: name,
  /** Path of a CSV file (input.ts). */
  input: filePath,
  /** Path of a file that holds the prompt; or `prompt`. */
  promptFile: filePath.optional(),
  /** The prompt itself, with `{{variables}}` that are columns of the input. */
  prompt: document(z.string()).optional(),
  model: name.max(200, 'must have at most 200 characters'),
  /** Most tokens of an answer; without it, the model's own limit. */
  maxOutputTokens: numeric(wholePositive).optional(),
  /** Most calls in flight; without it, the account's. */
  maxConcurrency: numeric(batchConcurrency).optional(),
  /** Default: background. */
  priority: priority.optional(),
  /** Default: responses; of a batch that goes on, its present one. */
  via: z.enum(DELIVERY_MODES, { error: `must be ${DELIVERY_MODES.join(' or ')}` }).optional(),
  /** What becomes of the batch when the input has rows that cannot be read. */
  onBadRow: z.enum(['stop', 'skip'], { error: 'must be stop or skip' }).default('stop'),
  /** False: a line that begins with `#` is a row like any other. */
  comments: z.boolean().default(true),
  ...runTermFields,
};

/** What was found in the input. */
export type InputReport = Pick<InputCheck, 'columns' | 'items' | 'bad' | 'badCount' | 'comments'> & {
  /** The prompt names no column: all items ask the same. */
  readonly asksTheSame: boolean;
};

export interface PreparedRequest {
  readonly target: TextAccount;
  readonly request: BatchRequest;
  readonly input: InputCheck;
  readonly report: InputReport;
  /** Of the request, what was given and not left to a default: a batch that goes on takes it over. */
  readonly given: GivenAgain;
}

/** @throws OperationError for whatever is wrong with it; nothing is called or stored. */
export async function prepareRequest(
  settings: Settings,
  fields: z.output<z.ZodObject<typeof requestFields>>,
): Promise<PreparedRequest> {
  const { kind, account, input: file, model, maxOutputTokens = null, maxConcurrency = null, via } = fields;
  const target = textAccount(settings, kind, account);
  checkVia(via, target);
  const prompt = promptOf(fields);
  const run = givenTerms(fields);
  const request: BatchRequest = {
    kind,
    model,
    prompt: prompt.text,
    inputName: basename(file),
    options: { maxOutputTokens, maxConcurrency, ...run },
    priority: fields.priority ?? 'background',
    ...(via === undefined ? {} : { via }),
  };
  const input = await checkInput(file, { comments: fields.comments });
  if (input.items + input.badCount === 0) throw noItems(file, input);
  checkVariables(prompt.text, input.columns, prompt.field);
  if (input.badCount > 0 && fields.onBadRow === 'stop') throw badRows(input);
  if (input.items === 0) throw noItems(file, input);
  const { columns, items, bad, badCount, comments } = input;
  const asksTheSame = items > 1 && promptVariables(prompt.text).length === 0;
  return {
    target,
    request,
    input,
    report: { columns, items, bad, badCount, comments, asksTheSame },
    given: {
      options: { ...(maxConcurrency === null ? {} : { maxConcurrency }), ...run },
      ...(fields.priority === undefined ? {} : { priority: fields.priority }),
    },
  };
}

/** Of the fields, those of the run's terms that were given. */
export function givenTerms(fields: z.output<z.ZodObject<typeof runTermFields>>): RunOptions {
  const keys = Object.keys(runTermFields) as (keyof typeof runTermFields)[];
  const given = keys.map((key) => [key, fields[key]]).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

function noItems(file: string, { comments: { count } }: InputCheck): OperationError {
  const lines = count === 1 ? 'line that begins' : 'lines that begin';
  const left =
    count === 0 ? '' : `, and ${countText(count)} ${lines} with #, taken for comments without \`comments\``;
  return invalid('input', `${file} holds no items${left}`);
}

function badRows({ bad, badCount }: InputCheck): OperationError {
  const row = (message: string): Problem => ({ code: 'INVALID_INPUT', field: 'input', message });
  const more = badCount - bad.length;
  return new OperationError([
    row(`${countText(badCount)} bad rows; mend them, or leave them out with \`onBadRow\` skip`),
    ...bad.map(({ line, reason }) => row(`line ${line}: ${reason}`)),
    ...(more > 0 ? [row(`and ${countText(more)} more bad rows`)] : []),
  ]);
}
