/** A response as server-sent events, in the order and the shapes that the official client reads. */
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRecord } from '../validate';
import type { ResponseObject } from './response-object';

/** @param overMs time over which the text is sent, evenly. */
export function streamResponse(
  started: ResponseObject,
  finished: ResponseObject,
  wordsPerDelta: number,
  overMs: number,
): Readable {
  return Readable.from(paced(responseEvents(started, finished, wordsPerDelta), overMs), {
    objectMode: false,
  });
}

async function* paced(events: readonly Record<string, unknown>[], overMs: number): AsyncGenerator<Buffer> {
  const deltas = events.filter((e) => String(e.type).endsWith('.delta')).length;
  const pauseMs = deltas === 0 ? 0 : overMs / deltas;
  let sequence = 0;
  for (const event of events) {
    // An unref'd timer: a stream without a reader must not keep the process alive.
    if (pauseMs > 0 && String(event.type).endsWith('.delta')) await sleep(pauseMs, undefined, { ref: false });
    const data = JSON.stringify({ ...event, sequence_number: sequence++ });
    yield Buffer.from(`event: ${String(event.type)}\ndata: ${data}\n\n`);
  }
}

function responseEvents(
  started: ResponseObject,
  finished: ResponseObject,
  wordsPerDelta: number,
): Record<string, unknown>[] {
  const events: Record<string, unknown>[] = [
    { type: 'response.created', response: started },
    { type: 'response.in_progress', response: started },
  ];
  finished.output.forEach((item, output_index) => {
    const [part] = Array.isArray(item.content) ? (item.content as unknown[]) : [];
    const begun = isRecord(part) ? { ...item, status: 'in_progress', content: [] } : item;
    events.push({ type: 'response.output_item.added', output_index, item: begun });
    if (isRecord(part))
      events.push(...partEvents(part, { item_id: item.id, output_index, content_index: 0 }, wordsPerDelta));
    events.push({ type: 'response.output_item.done', output_index, item });
  });
  events.push({ type: `response.${finished.status}`, response: finished });
  return events;
}

function partEvents(
  part: Record<string, unknown>,
  place: Record<string, unknown>,
  wordsPerDelta: number,
): Record<string, unknown>[] {
  const isText = part.type === 'output_text';
  const field = isText ? 'text' : 'refusal';
  const text = String(part[field]);
  const kind = isText ? 'response.output_text' : 'response.refusal';
  const more = isText ? { logprobs: [] } : {};
  const words = text.split(/(?<= )/);
  const deltas: Record<string, unknown>[] = [];
  for (let i = 0; i < words.length; i += wordsPerDelta) {
    const delta = words.slice(i, i + wordsPerDelta).join('');
    deltas.push({ type: `${kind}.delta`, ...place, delta, ...more });
  }
  return [
    { type: 'response.content_part.added', ...place, part: { ...part, [field]: '' } },
    ...deltas,
    { type: `${kind}.done`, ...place, [field]: text, ...more },
    { type: 'response.content_part.done', ...place, part },
  ];
}
