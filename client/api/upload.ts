/** A body that is no JSON: kept in a file of its own until the request is answered, with its digest. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApiError } from './problem';

export interface Upload {
  readonly path: string;
  readonly sha256: Buffer;
  readonly bytes: number;
}

/** @throws ApiError 413, 415 */
export async function withUpload<T>(
  body: unknown,
  { suffix, maxBytes }: { readonly suffix: string; readonly maxBytes: number },
  work: (upload: Upload) => Promise<T>,
): Promise<T> {
  if (!(body instanceof Readable))
    throw new ApiError('UNSUPPORTED_MEDIA_TYPE', 'the body must be the file itself');
  const folder = await mkdtemp(join(tmpdir(), 'sluice-upload-'));
  try {
    const path = join(folder, `input${suffix}`);
    const hash = createHash('sha256');
    let bytes = 0;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        hash.update(chunk);
        done(
          bytes > maxBytes ? new ApiError('TOO_LARGE', `the body has more than ${maxBytes} bytes`) : null,
          chunk,
        );
      },
    });
    await pipeline(body, counted, createWriteStream(path, { mode: 0o600 }));
    return await work({ path, sha256: hash.digest(), bytes });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
