/** The prompt of a batch: a text with `{{variables}}` that are columns of the input. */
import { readFileSync } from 'node:fs';
import { promptVariables } from '../../../vendors/prompt';
import { invalid } from '../errors';
import { columnsText } from './input-header';

/** OpenAI's stored prompts, which its API no longer takes: `pmpt_…`, alone, with its name, or in JSON. */
const PROMPT_ID = /^\s*(?:\{.*["']pmpt_\w|(?:[\w-]+\s*[:=]\s*)?["']?pmpt_\w)/s;

export interface GivenPrompt {
  readonly text: string;
  /** The field that it came by, for errors. */
  readonly field: 'prompt' | 'promptFile';
}

/** The prompt as text, or from its file. @throws OperationError that names what is wrong, before anything is called. */
export function promptOf(given: {
  readonly prompt?: string | undefined;
  readonly promptFile?: string | undefined;
}): GivenPrompt {
  const { prompt, promptFile } = given;
  if (prompt !== undefined && promptFile !== undefined) {
    throw invalid('prompt', 'stands for `promptFile`; give one of them', 'NOT_APPLICABLE');
  }
  if (promptFile !== undefined) return { text: readPrompt(promptFile), field: 'promptFile' };
  if (prompt === undefined) {
    throw invalid('promptFile', 'is missing; give `promptFile` or `prompt`', 'MISSING_INPUT');
  }
  return { text: checked('prompt', '', prompt), field: 'prompt' };
}

/** @throws OperationError that names what is wrong, before anything is called. */
export function readPrompt(file: string): string {
  if (/^pmpt_[A-Za-z0-9]+$/.test(file)) throw invalid('promptFile', promptIdText(file));
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw invalid('promptFile', `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`);
  }
  return checked('promptFile', `${file} `, decoded(file, bytes));
}

/** @param where in front of what is wrong: the file and a space, or nothing. */
function checked(field: GivenPrompt['field'], where: string, text: string): string {
  if (text.includes('\0')) throw invalid(field, `${where}holds a NUL character`);
  if (text.trim() === '') throw invalid(field, `${where}is empty`);
  if (PROMPT_ID.test(text)) {
    throw invalid(field, `${where.replace(/ $/, ': ')}${promptIdText(text.trim().slice(0, 60))}`);
  }
  return text;
}

/** Without a BOM, which would go out with every request. */
function decoded(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid('promptFile', `${file} is not UTF-8`);
  }
}

function promptIdText(id: string): string {
  return `"${id}" is the id of a stored prompt, which the API no longer takes: copy the prompt's text into the file, with {{variables}} for the columns`;
}

/** @throws OperationError that names a variable which is no column. */
export function checkVariables(
  prompt: string,
  columns: readonly string[],
  field: GivenPrompt['field'] = 'promptFile',
): void {
  const unknown = promptVariables(prompt).filter((name) => !columns.includes(name));
  if (unknown.length === 0) return;
  const names = unknown.map((name) => `{{${name}}}`).join(', ');
  throw invalid(field, `${names} is no column of the input (columns: ${columnsText(columns)})`);
}
