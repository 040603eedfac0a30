/** Errors that refuse a document. */
import { types } from 'node:util';
import type { DocumentProblem } from './incoming';

/** An error that refuses the document; `problemOf` knows it. */
export function refusal(code: string, problem: string): Error {
  return Object.assign(new Error(problem), { documentProblem: { code, position: null, problem } });
}

/** What is wrong with the document, or null when the error is about something else. */
export function problemOf(error: unknown): DocumentProblem | null {
  if (!types.isNativeError(error)) return null;
  if ('documentProblem' in error) return error.documentProblem as DocumentProblem;
  const code = 'code' in error ? String(error.code) : '';
  // Class 22, data exception: a value that the column cannot hold.
  if (code.startsWith('22')) return { code: 'schema', position: null, problem: error.message };
  return null;
}
