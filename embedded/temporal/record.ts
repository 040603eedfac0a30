/** What is remembered beside the database file: which server runs on it, and which version wrote it. */
import { closeSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { isAlive, type ProcessIdentity, runsWith, sizeOf } from '../child';
import { EmbeddedError } from '../errors';
import { sameSchema, type TemporalBinary } from './binary';

export interface ServerRecord extends ProcessIdentity {
  readonly port: number;
  readonly uiPort: number;
  readonly version: string;
  /** Of the server that made the file. */
  readonly writtenBy: string;
}

export const recordFile = (dbFile: string): string => `${dbFile}.server.json`;

export function readRecord(dbFile: string): ServerRecord | null {
  try {
    const record = JSON.parse(readFileSync(recordFile(dbFile), 'utf8')) as Partial<ServerRecord>;
    const { pid, port, uiPort, version, writtenBy, startTime = null } = record;
    if (!pid || !port || !uiPort || !version || !writtenBy) return null;
    return { pid, port, uiPort, version, writtenBy, startTime };
  } catch {
    return null;
  }
}

export function writeRecord(dbFile: string, record: ServerRecord): void {
  const draft = `${recordFile(dbFile)}.new`;
  writeFileSync(draft, JSON.stringify(record), { mode: 0o600 });
  renameSync(draft, recordFile(dbFile));
}

/** The recorded process, when it is alive and really serves this file. */
export function findServer(dbFile: string): ServerRecord | null {
  const record = readRecord(dbFile);
  return record !== null && isAlive(record) && runsWith(record.pid, dbFile) ? record : null;
}

export function checkFile(dbFile: string): void {
  if (sizeOf(dbFile) === 0) return;
  const head = Buffer.alloc(16);
  const file = openSync(dbFile, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  if (head.toString('latin1') === 'SQLite format 3\0') return;
  throw new EmbeddedError(
    'DATA_FOREIGN',
    `${dbFile} is not a SQLite database: it is damaged or something else's. Move it away to begin with an ` +
      `empty Temporal, or restore it from a copy. Nothing was changed.`,
  );
}

export function checkVersion(dbFile: string, writtenBy: string, binary: TemporalBinary): void {
  if (sameSchema(writtenBy, binary.serverVersion)) return;
  throw new EmbeddedError(
    'DATA_VERSION',
    `${dbFile} was written by Temporal server ${writtenBy}, but ${binary.path} is server ` +
      `${binary.serverVersion}; such files are not migrated. Set SLUICE_TEMPORAL_BIN to a CLI with server ` +
      `${writtenBy}, or move the file away to begin with an empty Temporal. Nothing was changed.`,
  );
}
