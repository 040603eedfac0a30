/**
 * The plain text behind a downloaded document. What it is compressed with shows in its first bytes; what the vendor says
 * of it is wrong now and then, in both directions.
 */
import { type Duplex, PassThrough, type Readable } from 'node:stream';
import { types } from 'node:util';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { DocumentError } from '../../dataset';

/** A document that a gateway has compressed once more is unpacked twice; more layers than this are no document. */
const MAX_LAYERS = 3;

const GZIP = [0x1f, 0x8b];
/** Bytes that no JSON text begins with, and what they are. */
const OTHER_FORMATS: readonly (readonly [string, readonly number[]])[] = [
  ['Zstandard', [0x28, 0xb5, 0x2f, 0xfd]],
  ['ZIP', [0x50, 0x4b, 0x03, 0x04]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['UTF-16', [0xff, 0xfe]],
  ['UTF-16', [0xfe, 0xff]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
];
const LONGEST_MAGIC = 5;

/** What the vendor says of the compression; for messages, but for Brotli. */
export interface SaidOfBytes {
  readonly compressionAlgorithm?: string | undefined;
  readonly contentEncoding?: string | undefined;
}

/**
 * Destroying the text destroys the source, but does not wait for it: a source may have stalled. The text fails with what
 * the source fails with, also when that was before anybody read.
 */
export function plainText(source: Readable, said: SaidOfBytes): Readable {
  const text = new PassThrough();
  text.on('error', () => {});
  source.on('error', () => {});
  let current: Readable = source;
  text.once('close', () => {
    current.destroy();
    source.destroy();
  });
  const fail = (error: unknown) =>
    text.destroy(types.isNativeError(error) ? error : new Error(String(error)));
  const unpack = async () => {
    for (let layer = 0; ; layer++) {
      const start = await firstBytes(current);
      if (text.destroyed) return;
      const zipped = unpackerOf(start.head, said);
      if (zipped === null) {
        const other = OTHER_FORMATS.find(([, magic]) => startsWith(start.head, magic))?.[0];
        if (other !== undefined)
          throw new DocumentError('gzip', 0, unknownFormat(other, said.compressionAlgorithm));
        handOn(current, start, text);
        return;
      }
      if (layer === MAX_LAYERS) {
        throw new DocumentError('gzip', 0, `the document is compressed more than ${MAX_LAYERS} times over`);
      }
      zipped.on('error', () => {});
      const below = current;
      zipped.once('close', () => below.destroy());
      current = zipped;
      handOn(below, start, zipped);
    }
  };
  unpack().catch(fail);
  return text;
}

/** Null for what is not compressed, or by nothing that is known here. */
function unpackerOf(head: Buffer, { contentEncoding = '' }: SaidOfBytes): Duplex | null {
  if (startsWith(head, GZIP)) return createGunzip();
  const [first = 0, second = 0] = head;
  // The header of zlib's own format: deflate with a window of up to 32 KiB, and a check.
  if (first === 0x78 && (first * 256 + second) % 31 === 0) return createInflate();
  const isText = head.length === 0 || first === 0xef || /[\s{["]/.test(String.fromCharCode(first));
  if (isText || OTHER_FORMATS.some(([, magic]) => startsWith(head, magic))) return null;
  const said = contentEncoding.toLowerCase().split(',');
  if (said.some((encoding) => encoding.trim() === 'deflate')) return createInflateRaw();
  // Brotli has no first bytes of its own. What no text begins with is tried, whatever was said.
  const isNoText = first > 0x7e || first < 0x20;
  return isNoText || said.some((encoding) => encoding.trim() === 'br') ? createBrotliDecompress() : null;
}

function unknownFormat(format: string, said: string | undefined): string {
  const announced = said === undefined ? 'nothing' : JSON.stringify(said.slice(0, 40));
  return `the document is ${format} data (announced as ${announced}); only plain text in UTF-8 and GZIP are read`;
}

interface Beginning {
  readonly head: Buffer;
  /** The source holds no more than the head. */
  readonly ended: boolean;
}

/** Like `pipe`, with the source's failure handed on, after what has been read already. */
function handOn(source: Readable, { head, ended }: Beginning, to: Duplex): void {
  if (ended) {
    to.end(head);
    return;
  }
  // It may have failed since its head was read: then it says so no more.
  if (source.destroyed && !source.readableEnded) {
    to.destroy(source.errored ?? givenUp());
    return;
  }
  to.write(head);
  source.once('error', (error) => to.destroy(error));
  source.once('close', () => {
    if (!source.readableEnded) to.destroy(source.errored ?? givenUp());
  });
  source.pipe(to);
}

const givenUp = () => new Error('the download was given up');

/** Reads until it is known what the bytes begin with. What was read is taken out of the source. */
async function firstBytes(source: Readable): Promise<Beginning> {
  let head = Buffer.alloc(0);
  for (;;) {
    const piece = source.read() as Buffer | null;
    if (piece !== null) {
      head = Buffer.concat([head, piece]);
      if (head.length >= LONGEST_MAGIC) return { head, ended: false };
      continue;
    }
    if (source.errored) throw source.errored;
    if (source.readableEnded) return { head, ended: true };
    if (source.destroyed) throw givenUp();
    await readable(source);
  }
}

function readable(source: Readable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of EVENTS) source.off(event, done);
      resolve();
    };
    for (const event of EVENTS) source.on(event, done);
  });
}

const EVENTS = ['readable', 'end', 'error', 'close'] as const;

function startsWith(head: Buffer, magic: readonly number[]): boolean {
  return magic.every((byte, index) => head[index] === byte);
}
