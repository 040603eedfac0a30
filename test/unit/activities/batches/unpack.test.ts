import { gzipSync } from 'node:zlib';
import { unpacked } from '../../../../activities/batches/files/unpack';

const LINES = Buffer.from('{"custom_id":"a"}\n{"custom_id":"b"}\n');

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of unpacked(source)) parts.push(part);
  return Buffer.concat(parts);
}

test.each([1, 3, 1000])('results come plain, compressed or not, in pieces of %i bytes', async (size) => {
  expect(await read(inPieces(LINES, size))).toEqual(LINES);
  expect(await read(inPieces(gzipSync(LINES), size))).toEqual(LINES);
  expect(await read(inPieces(Buffer.alloc(0), size))).toEqual(Buffer.alloc(0));
  expect(await read(inPieces(Buffer.from('x'), size))).toEqual(Buffer.from('x'));
});

test('what breaks off in the middle fails, compressed or not', async () => {
  async function* cut(bytes: Buffer): AsyncGenerator<Buffer> {
    yield bytes.subarray(0, 12);
    throw new Error('cut');
  }
  await expect(read(cut(LINES))).rejects.toThrow('cut');
  await expect(read(cut(gzipSync(LINES)))).rejects.toThrow('cut');
  await expect(read(inPieces(gzipSync(LINES).subarray(0, 20), 5))).rejects.toThrow();
});
