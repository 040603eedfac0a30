/** One call of a route: once for its Idempotency-Key, and an event when it changes something. */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { once, recordCall } from '../operations/access/requests';
import type { Backend } from '../operations/backend/backend';
import type { OpenBackend } from '../operations/backend/open-backend';
import { messageOf } from '../operations/errors';
import { isSecret } from '../operations/operation';
import { quoted } from '../operations/texts';
import type { Caller } from './access/access';
import type { Streams } from './event-stream';
import { unfitType } from './head';
import { inputOf } from './input';
import { ApiError } from './problem';
import type { Answer, ApiRoute, Call } from './route';
import { type Upload, withUpload } from './upload';

export interface PerformTerms {
  readonly backend: OpenBackend;
  readonly maxUploadBytes: number;
  readonly streams: Streams;
}

/** @returns undefined when the route has written the answer itself. */
export async function perform(
  route: ApiRoute,
  terms: PerformTerms,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Answer | undefined> {
  const input = inputOf(route, request);
  const by = (backend: Backend, upload: Upload | null) => ({
    ...{ backend, input, request, reply, upload },
    streams: terms.streams,
  });
  if (route.consumes === undefined) return performOnce(route, terms, by, null, request);
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!route.consumes.includes(type)) throw unfitType(request.headers['content-type'], route.consumes);
  const limits = { suffix: SUFFIXES[type] ?? '', maxBytes: terms.maxUploadBytes };
  return withUpload(request.body, limits, (upload) => performOnce(route, terms, by, upload, request));
}

const SUFFIXES: Readonly<Record<string, string>> = {
  'text/csv': '.csv',
  'application/x-ndjson': '.jsonl',
  'application/jsonl': '.jsonl',
};

async function performOnce(
  route: ApiRoute,
  terms: PerformTerms,
  callOf: (backend: Backend, upload: Upload | null) => Call,
  upload: Upload | null,
  request: FastifyRequest,
): Promise<Answer | undefined> {
  const { caller } = request;
  const name = caller?.name ?? terms.backend.caller;
  const key = route.starts ? idempotencyKey(request) : null;
  if (key === null) {
    const backend = terms.backend.as(name);
    const done = (await route.handle(callOf(backend, upload))) ?? undefined;
    if (done !== undefined) await noteChange(route, backend, done.status ?? route.status, request);
    return done;
  }
  const outcome = await once(
    terms.backend,
    { caller: callerId(caller), key, fingerprint: fingerprintOf(route, request, upload) },
    async (id) => {
      const backend = terms.backend.as(name, id);
      const done = await route.handle(callOf(backend, upload));
      const { status = route.status, location = null, body } = done ?? {};
      await noteChange(route, backend, status, request);
      return { status, location, body };
    },
  );
  if (outcome.kind === 'other') {
    throw new ApiError('KEY_REUSED', 'this Idempotency-Key came with another request before', {
      field: 'Idempotency-Key',
    });
  }
  if (outcome.kind === 'in flight') {
    throw new ApiError('IN_FLIGHT', 'the request with this Idempotency-Key is under way', {
      field: 'Idempotency-Key',
      retryAfter: 1,
    });
  }
  const { status, location, body } = outcome.answer;
  return {
    status,
    body: body ?? undefined,
    ...(location === null ? {} : { location }),
    ...(outcome.repeated ? { headers: { 'idempotency-replayed': 'true' } } : {}),
  };
}

/** Keys of two callers are not each other's. */
const callerId = (caller: Caller | null) => caller?.key ?? 'local';

function idempotencyKey(request: FastifyRequest): string | null {
  const given = request.headers['idempotency-key'];
  if (given === undefined) return null;
  // A draft of the standard has it in quotes.
  const key = /^"(.*)"$/.exec(String(given))?.[1] ?? String(given);
  if (/^[!-~]{1,255}$/.test(key)) return key;
  throw new ApiError('BAD_REQUEST', `${quoted(key)} must be 1 to 255 visible characters of ASCII`, {
    field: 'Idempotency-Key',
  });
}

/** Without what is secret: it is kept, and a digest of a password is as good as the password. */
function fingerprintOf(route: ApiRoute, request: FastifyRequest, upload: Upload | null): Buffer {
  const hash = createHash('sha256').update(`${request.method} ${request.url}\n`);
  if (upload !== null) return hash.update(upload.sha256).digest();
  const shown = Object.entries(request.body ?? {}).filter(([name]) => !isSecret(route.input, [name]));
  return hash.update(JSON.stringify(sorted(Object.fromEntries(shown)))).digest();
}

/** The same object whatever the order of its keys. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** What is done is done: an event that cannot be written is a line of the log. */
async function noteChange(
  route: ApiRoute,
  backend: Backend,
  status: number,
  request: FastifyRequest,
): Promise<void> {
  if (!(route.audited ?? route.method !== 'GET')) return;
  const call = { operation: route.id, path: pathOf(request.url), status, requestId: request.id };
  await recordCall(backend, call).catch((error: unknown) => {
    request.log.warn(
      { ...call, by: backend.caller, error: messageOf(error) },
      'a changing call is not in the events',
    );
  });
}

const pathOf = (url: string) => (url.split('?')[0] ?? '').slice(0, 500);
