/** Opaque cursors: where a page ended, for whoever asks for the next. They hold keys of rows, so rows that come between do not move them. */
import { invalid } from './errors';

type Part = string | number | null;

export function cursorOf(kind: string, parts: readonly Part[]): string {
  return Buffer.from(JSON.stringify([kind, ...parts])).toString('base64url');
}

/** @throws OperationError for one of another list, or none at all. */
export function readCursor(kind: string, text: string, length: number): readonly Part[] {
  let read: unknown = null;
  try {
    read = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    // As one that is not ours.
  }
  const isPart = (part: unknown) => part === null || typeof part === 'string' || typeof part === 'number';
  if (Array.isArray(read) && read[0] === kind && read.length === length + 1 && read.every(isPart)) {
    return read.slice(1);
  }
  throw invalid('cursor', 'is no cursor of this list; take one as a page before has given it');
}
