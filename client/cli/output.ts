/** What commands print: results to stdout, notes to stderr, tables with aligned columns, or JSON. */
import { Writable } from 'node:stream';
import { visible } from '../operations/texts';
import { withCommands } from './hints';

/** As a person is shown it. */
export function shown(text: string): string {
  return visible(withCommands(text));
}

export function print(line = ''): void {
  process.stdout.write(`${shown(line)}\n`);
}

/** As JSON it is the same value: what is escaped stands in texts alone. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** In one line, where several values follow each other. */
export function printJsonLine(value: unknown): void {
  process.stdout.write(`${withCommands(JSON.stringify(value))}\n`);
}

export function note(line: string): void {
  process.stderr.write(`${shown(line)}\n`);
}

/** Columns as wide as their longest cell; columns of numbers are aligned to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const numeric = header.map(
    (_, i) => rows.length > 0 && rows.every((row) => /^[-\d.,]*(\/s)?$/.test(row[i] ?? '')),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)].join('\n');
}

/** Standard output as a stream that may be ended: the process's own must stay open for the notes that follow. */
export function standardOutput(): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      // A person's terminal; a pipe or a file gets what there is.
      const shown = process.stdout.isTTY ? visible(chunk.toString('utf8')) : chunk;
      process.stdout.write(shown, (error) => done(error));
    },
  });
}
