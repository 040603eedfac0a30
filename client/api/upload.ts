/** A body that is no JSON: kept in a file of its own until the request is answered, with its digest. */
import { createHash } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
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
    return await work({ path, ...(await receive(body, path, maxBytes)) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function receive(body: Readable, path: string, maxBytes: number): Promise<Omit<Upload, 'path'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    // Destroyed, the body would take the connection with it, and whoever sends too much would never read why it ended.
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw new ApiError('TOO_LARGE', `the body has more than ${maxBytes} bytes`, {
          headers: { connection: 'close' },
        });
      }
      hash.update(chunk);
      await file.appendFile(chunk);
    }
  } finally {
    await file.close();
  }
  return { sha256: hash.digest(), bytes };
}
