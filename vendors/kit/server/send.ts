/** Sends an answer, with the faults that concern its delivery applied. */
import type { ServerResponse } from 'node:http';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../faults';
import type { SimAnswer } from '../vendor';

const GARBAGE = '<html><head><title>502 Bad Gateway</title></head><body>{"rows":[{"id"';

/** @param delayMs before the first byte. Resolves when the answer, or the caller, is gone. */
export async function sendAnswer(
  res: ServerResponse,
  answer: SimAnswer,
  faults: readonly Fault[],
  delayMs: number,
): Promise<void> {
  if (answer.status === 0) {
    res.destroy();
    return;
  }
  if (delayMs > 0 && !(await isThereAfter(res, delayMs))) return;
  if (faults.some((f) => f.kind === 'drop-after-processing')) {
    res.destroy();
    return;
  }
  const garbage = faults.find((f) => f.kind === 'garbage-body');
  const truncated = faults.some((f) => f.kind === 'truncated-body');
  const slow = faults.find((f) => f.kind === 'slow-body');
  const body = garbage ? (garbage.body ?? GARBAGE) : (answer.body ?? '');
  const headers = { ...answer.headers };
  if (typeof body === 'string') headers['content-length'] = String(Buffer.byteLength(body));
  if (answer.statusText !== undefined) res.statusMessage = answer.statusText;
  res.writeHead(answer.status, headers);
  if (typeof body === 'string' && !truncated && !slow) {
    res.end(body);
    return;
  }
  const source = typeof body === 'string' ? Readable.from(pieces(Buffer.from(body), 10)) : body();
  try {
    if (truncated)
      await pipeline(source, cutShort(res, typeof body === 'string' ? body.length / 2 : 4096), res);
    else if (slow) await pipeline(source, slowed(slow.latencyMs / 10), res);
    else await pipeline(source, res);
  } catch {
    // The caller went away, or the answer was cut short on purpose: there is nobody left to answer.
    res.destroy();
  }
}

/** False as soon as the caller goes away. */
async function isThereAfter(res: ServerResponse, delayMs: number): Promise<boolean> {
  if (res.destroyed) return false;
  const gone = new AbortController();
  const onClose = () => gone.abort();
  res.once('close', onClose);
  try {
    return await sleep(delayMs, true, { signal: gone.signal });
  } catch {
    return false;
  } finally {
    res.off('close', onClose);
  }
}

function pieces(body: Buffer, count: number): Buffer[] {
  const size = Math.max(1, Math.ceil(body.length / count));
  const out: Buffer[] = [];
  for (let i = 0; i < body.length; i += size) out.push(body.subarray(i, i + size));
  return out;
}

/** Lets about `bytes` through and then cuts the connection. */
function cutShort(res: ServerResponse, bytes: number): Transform {
  let sent = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const part = chunk.subarray(0, Math.max(0, Math.ceil(bytes) - sent));
      sent += part.length;
      this.push(part);
      // A turn of the event loop, so that the part is on the wire before the connection dies.
      if (sent >= bytes) setImmediate(() => res.destroy());
      else done();
    },
  });
}

function slowed(pauseMs: number): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      setTimeout(() => done(null, chunk), pauseMs);
    },
  });
}
