/**
 * Keeps a document in a spool file, as it comes in, before a transaction begins: no connection and no lock is held for
 * as long as a vendor takes to send it. It can be read more than once then.
 */
import type { Readable } from 'node:stream';
import { Spool, SpoolFull } from '../../spool';
import type { IncomingDocument } from './incoming';
import { refusal } from './refusal';

/** A document on its way in. */
export class ArrivingDocument {
  /** The reading that was begun last; null before the first. */
  reading: IncomingDocument | null = null;
  private spool: Spool | null = null;
  private readonly stop = new AbortController();

  /** @param open reads the document from the beginning. The source's errors are minded from now on. */
  constructor(
    private readonly source: Readable,
    private readonly open: (source: Readable) => IncomingDocument,
  ) {
    // An error before anybody reads is no crash: it comes up when it is read.
    source.on('error', () => {});
  }

  /** Takes the source to its end. @throws what it fails with, and a refusal when it is too long. */
  async keep(maxBytes: number): Promise<void> {
    const { signal } = this.stop;
    signal.throwIfAborted();
    const spool = await Spool.open(maxBytes);
    this.spool = spool;
    const taking = (async () => {
      for await (const chunk of this.source as AsyncIterable<Buffer>) await spool.write(chunk);
    })();
    // A source that has stalled may not end for being destroyed.
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    stopped.catch(() => {});
    try {
      await Promise.race([taking, stopped]);
    } catch (error) {
      if (error instanceof SpoolFull) throw tooLong(maxBytes);
      throw error;
    }
  }

  /** Reads what is kept, from the beginning. */
  async read(): Promise<IncomingDocument> {
    if (this.spool === null) throw new Error('a document is read after it is kept');
    this.reading?.abort(new Error('the document is read again'));
    const document = this.open(await this.spool.read());
    this.reading = document;
    if (this.stop.signal.aborted) document.abort(this.stop.signal.reason);
    return document;
  }

  /** Ends whatever waits for the source, and any reading. */
  abort(error: Error): void {
    this.stop.abort(error);
    this.source.destroy(error);
    this.reading?.abort(error);
  }

  async close(): Promise<void> {
    // An open download must not be left behind, nor the file be closed under a reading.
    this.abort(new Error('the ingest has ended'));
    await this.spool?.close();
  }
}

export function tooLong(maxBytes: number): Error {
  const most = `${Math.round(maxBytes / 1024 / 1024)} MiB (reports.maxDocumentMb)`;
  return refusal('too_large', `the document is longer than ${most}`);
}
