/** Decompresses a file of results that a gateway has compressed unasked. The first bytes decide, not the headers. */
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

const GZIP_MAGIC = 0x1f8b;

/** Fails as the source does, or with what is wrong with the compression. */
export async function* unpacked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const pieces = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    head = Buffer.concat([head, next.value]);
    if (head.length >= 2) break;
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield head;
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
  }
  if (head.length < 2 || head.readUInt16BE(0) !== GZIP_MAGIC) {
    yield* all();
    return;
  }
  const plain = createGunzip();
  // What it fails with is thrown to the reader.
  pipeline(Readable.from(all()), plain, () => undefined);
  yield* plain as AsyncIterable<Buffer>;
}
