/**
 * Server-Sent Events. `id` is the event's: a browser that has lost the connection sends it as `Last-Event-ID`, and gets what
 * it has missed. One that does not read is let go, and comes back the same way. Where some of it may have been deleted
 * meanwhile, an event `gap` without an id comes first.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { eventJson } from '../operations/events/events';
import type { EventFeed, Gap } from '../operations/events/feed';
import { quoted } from '../operations/texts';
import { ApiError } from './problem';

type StoredEvent = Parameters<typeof eventJson>[0];

/** Proxies cut what is silent for a minute, ms. */
const BEAT_MS = 15_000;
/** What a listener may leave unread, bytes. */
const MOST_UNREAD = 1024 * 1024;
const MOST_LISTENERS = 2_000;
/** A browser waits so long before it comes back, ms. */
const RETRY_MS = 1_000;

/** Of one server. */
export interface Streams {
  readonly feed: EventFeed;
  /** Those that listen now, to be ended in order. */
  readonly open: Set<() => void>;
}

export interface StreamTerms extends Streams {
  readonly wants: (event: StoredEvent) => boolean;
  /** Whether the caller may listen still; asked from time to time. */
  readonly mayListen: () => Promise<boolean>;
}

export async function streamEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  { feed, open, wants, mayListen }: StreamTerms,
): Promise<void> {
  if (open.size >= MOST_LISTENERS) {
    throw new ApiError('OVERLOADED', `${MOST_LISTENERS} listen already`, { retryAfter: 5 });
  }
  const after = lastEventId(request);
  const { raw } = reply;
  // Taken before anything is awaited, so that no more are let in than there are places.
  let ended = false;
  let end = () => {
    ended = true;
  };
  const leave = () => end();
  open.add(leave);
  try {
    const subscription = await feed.subscribe(
      {
        onEvents: (events) => {
          const text = events.filter(wants).map(sse).join('');
          if (text === '') return;
          // Judged before: a page alone may be longer than that, and whoever reads gets it.
          if (raw.writableLength > MOST_UNREAD) raw.destroy();
          else raw.write(text);
        },
        ready: () =>
          raw.writableNeedDrain && !raw.destroyed
            ? new Promise((done) => {
                raw.once('drain', done);
                raw.once('close', done);
              })
            : Promise.resolve(),
      },
      after,
    );
    beginStream(reply);
    if (subscription.gap) raw.write(`event: gap\ndata: ${JSON.stringify(gapJson(subscription.gap))}\n\n`);
    const beat = setInterval(() => {
      raw.write(': \n\n');
      mayListen().then(
        (may) => may || end(),
        () => undefined,
      );
    }, BEAT_MS);
    const stop = () => {
      clearInterval(beat);
      subscription.stop();
      open.delete(leave);
    };
    end = () => {
      stop();
      raw.end('event: end\ndata: {}\n\n');
    };
    raw.once('close', stop);
    if (raw.destroyed) stop();
    // The server has begun to close meanwhile.
    else if (ended) end();
  } catch (error) {
    open.delete(leave);
    throw error;
  }
}

/** What goes before the first event; the headers of every answer were set already. */
function beginStream(reply: FastifyReply): void {
  reply.hijack();
  const headers = Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined);
  reply.raw.writeHead(200, {
    ...(Object.fromEntries(headers) as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  reply.raw.write(`retry: ${RETRY_MS}\n\n`);
}

function lastEventId(request: FastifyRequest): number | null {
  const given = request.headers['last-event-id'];
  if (given === undefined || given === '') return null;
  const id = Number(/^\d{1,15}$/.exec(String(given))?.[0] ?? Number.NaN);
  if (Number.isSafeInteger(id)) return id;
  throw new ApiError(
    'BAD_REQUEST',
    `${quoted(String(given))} is no id of an event; send the whole number of the last one that came, or 0 for all`,
    { field: 'Last-Event-ID' },
  );
}

const gapJson = ({ keptSince, ...gap }: Gap) => ({ ...gap, keptSince: new Date(keptSince).toISOString() });

function sse(event: StoredEvent): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(eventJson(event))}\n\n`;
}
