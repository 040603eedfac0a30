/**
 * An append-only file of JSON lines: what a simulator must still know after kill -9. A line is in the kernel's
 * hands when `append` returns, so the death of the process loses none.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Journal {
  append(entry: unknown): void;
  close(): void;
}

export const NO_JOURNAL: Journal = { append: () => {}, close: () => {} };

/**
 * Opens or creates `file` and hands its entries over in order. A last line cut short by a crash is dropped;
 * a damaged line elsewhere throws, naming the line.
 */
export function openJournal(file: string, replay: (entry: unknown) => void): Journal {
  mkdirSync(dirname(file), { recursive: true });
  if (existsSync(file)) {
    const bytes = readFileSync(file);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) truncateSync(file, whole);
    const lines = bytes.subarray(0, whole).toString('utf8').split('\n');
    lines.forEach((line, i) => {
      if (line === '') return;
      let entry: unknown;
      try {
        entry = JSON.parse(line);
      } catch {
        throw new Error(`state file ${file}, line ${i + 1} is not JSON; remove the file to start over`);
      }
      replay(entry);
    });
  }
  const fd = openSync(file, 'a');
  let open = true;
  return {
    append: (entry) => {
      if (open) writeSync(fd, `${JSON.stringify(entry)}\n`);
    },
    close: () => {
      if (open) closeSync(fd);
      open = false;
    },
  };
}
