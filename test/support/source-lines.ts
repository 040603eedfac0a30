/** The project's own source, line by line, for tests of rules that hold for all of it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SHIPPED_FOLDERS } from './source-folders';

const ROOT = path.join(__dirname, '..', '..');

const GENERATED: ReadonlySet<string> = new Set(['library/api-types.ts']);

export interface SourceFile {
  /** From the repository's root, with slashes. */
  readonly path: string;
}

export interface SourceLine extends SourceFile {
  readonly where: string;
  /** Trimmed, without a comment at its end; whole lines of comment are left out. */
  readonly code: string;
}

export function sourceLines(wanted: (file: SourceFile) => boolean): SourceLine[] {
  return SHIPPED_FOLDERS.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
      (name) => `${folder}/${name.split(path.sep).join('/')}`,
    ),
  )
    .filter((name) => name.endsWith('.ts') && !GENERATED.has(name) && wanted({ path: name }))
    .flatMap(linesOf);
}

function linesOf(name: string): SourceLine[] {
  return readFileSync(path.join(ROOT, name), 'utf8')
    .split('\n')
    .flatMap((text, i) => {
      const code = text.trim();
      if (code === '' || /^(?:\/\/|\/?\*)/.test(code)) return [];
      return [{ path: name, where: `${name}:${i + 1}`, code: code.replace(/\s\/\/ .*$/, '') }];
    });
}
