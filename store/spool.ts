/**
 * Temporary files between a slow side and a fast one: a download until it is complete, an export until its reader has
 * taken it. No transaction is open meanwhile. A file is unlinked as soon as it is open: nobody else can read it, and
 * the system frees it with the process, however that ends.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';

const READ_BYTES = 256 * 1024;
/** Small pieces are written together. */
const WRITE_BYTES = 256 * 1024;

/** More than `maxBytes` was to be written. */
export class SpoolFull extends Error {
  override readonly name = 'SpoolFull';
}

export class Spool {
  bytes = 0;
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  private constructor(
    private readonly file: FileHandle,
    private readonly maxBytes: number,
  ) {}

  /** @param maxBytes what it may hold at most. */
  static async open(maxBytes: number): Promise<Spool> {
    // TMPDIR says where; it is read each time, for tests and operators may set it.
    const name = path.join(tmpdir(), `sluice-spool-${process.pid}-${randomBytes(8).toString('hex')}`);
    const file = await open(name, 'wx+', 0o600);
    try {
      await rm(name);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new Spool(file, maxBytes);
  }

  /** @throws SpoolFull. */
  async write(piece: Buffer): Promise<void> {
    this.bytes += piece.length;
    if (this.bytes > this.maxBytes) throw new SpoolFull(`more than ${this.maxBytes} bytes`);
    this.pending.push(piece);
    this.pendingBytes += piece.length;
    if (this.pendingBytes >= WRITE_BYTES) await this.flush();
  }

  /** Reads what has been written, from the beginning; as often as wanted, one at a time. */
  async read(): Promise<Readable> {
    await this.flush();
    return Readable.from(this.pieces(), { objectMode: false, highWaterMark: READ_BYTES });
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async flush(): Promise<void> {
    const pieces = this.pending;
    this.pending = [];
    this.pendingBytes = 0;
    if (pieces.length > 0) await this.file.appendFile(Buffer.concat(pieces));
  }

  private async *pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < this.bytes; ) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, this.bytes - at));
      const { bytesRead } = await this.file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw new Error('the spool file has become shorter');
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }
}
