/** Parses values of commands that are no use cases: each error names the option, the value and what would be right. */
import { UsageError } from '../operations/errors';
import { lengthMs, notALength } from '../operations/fields';

/** `90s`, `30m`, `6h`, `14d` to milliseconds. */
export function parseLength(option: string, text: string): number {
  const ms = lengthMs(text);
  if (ms !== null) return ms;
  throw new UsageError(`${option}: "${text}" ${notALength(text)}`);
}
