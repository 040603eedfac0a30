/** The prompt of a batch: the text of a file, with `{{variables}}` that are columns of the input. */
import { readFileSync } from 'node:fs';
import { promptVariables } from '../../../vendors/prompt';
import { invalid } from '../errors';
import { columnsText } from './input';

/** OpenAI's stored prompts, which its API no longer takes: `pmpt_…`, alone, with its name, or in JSON. */
const PROMPT_ID = /^\s*(?:\{.*["']pmpt_\w|(?:[\w-]+\s*[:=]\s*)?["']?pmpt_\w)/s;

/** @throws OperationError that names what is wrong, before anything is called. */
export function readPrompt(file: string): string {
  if (/^pmpt_[A-Za-z0-9]+$/.test(file)) throw invalid('promptFile', promptIdText(file));
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw invalid('promptFile', `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`);
  }
  const text = decoded(file, bytes);
  if (text.trim() === '') throw invalid('promptFile', `${file} is empty`);
  if (PROMPT_ID.test(text)) {
    throw invalid('promptFile', `${file}: ${promptIdText(text.trim().slice(0, 60))}`);
  }
  return text;
}

/** Without a BOM, which would go out with every request. */
function decoded(file: string, bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid('promptFile', `${file} is not UTF-8`);
  }
  if (text.includes('\0')) throw invalid('promptFile', `${file} holds a NUL character`);
  return text;
}

function promptIdText(id: string): string {
  return `"${id}" is the id of a stored prompt, which the API no longer takes: copy the prompt's text into the file, with {{variables}} for the columns`;
}

/** @throws OperationError that names a variable which is no column. */
export function checkVariables(prompt: string, columns: readonly string[]): void {
  const unknown = promptVariables(prompt).filter((name) => !columns.includes(name));
  if (unknown.length === 0) return;
  const names = unknown.map((name) => `{{${name}}}`).join(', ');
  throw invalid('promptFile', `${names} is no column of the input (columns: ${columnsText(columns)})`);
}
