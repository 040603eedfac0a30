/**
 * The HTTP server: every route of the table, with what holds for all of them. The order is: is there room, may this page
 * ask, who asks, may they, are they too fast; then the route.
 */
import { randomUUID } from 'node:crypto';
import helmet from '@fastify/helmet';
import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import type { Backend } from '../operations/backend/backend';
import { messageOf, OperationError, type StopFacts } from '../operations/errors';
import { EventFeed } from '../operations/events/feed';
import { stopFacts } from '../operations/pools/stop-facts';
import { digestOfUser } from '../operations/vehicles/turns';
import { type Caller, checkHost, checkOrigin, includesScope, shownKey } from './access/access';
import { type CallerTerms, callerOf, SharedRates } from './access/caller';
import { allowOrigins } from './access/cors';
import { BARE_HEADERS, boundBody, refuseConnection } from './connection';
import { addDocument } from './document';
import type { Streams } from './event-stream';
import { checkCharset, checkHead, unfitType } from './head';
import { parseJsonBody } from './json-body';
import { type PerformTerms, perform } from './perform';
import { ApiError, problemOf, sendProblem } from './problem';
import { type Answer, type ApiRoute, answersHead, fullPath, pathFields, takesBody } from './route';

export interface AppOptions extends CallerTerms, Omit<PerformTerms, 'streams'> {
  readonly routes: readonly ApiRoute[];
  readonly version: string;
  /** Longest JSON body, bytes. */
  readonly bodyLimit: number;
  /** Requests under way at once; more are refused for the moment (503). */
  readonly maxInFlight: number;
  /** `info`, `warn`, … or `silent`. */
  readonly logLevel: string;
  readonly times?: Partial<typeof TIMES>;
}

const MAX_HEADER_BYTES = 16 * 1024;
/** What a connection is given, ms. */
const TIMES = {
  /** The head of a request has to be there within this. */
  headersMs: 15_000,
  /** Longest silence inside a body. */
  bodyIdleMs: 30_000,
};
/** How often connections are checked for that, at least. */
const CHECK_MS = 5_000;
/** And all of it, which may be an upload, within this, ms. */
const REQUEST_MS = 600_000;

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
  }
  interface FastifyContextConfig {
    route?: ApiRoute;
  }
}

export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { headersMs, bodyIdleMs } = { ...TIMES, ...options.times };
  const app = fastify({
    logger: options.logLevel === 'silent' ? false : { level: options.logLevel },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: options.bodyLimit,
    requestTimeout: REQUEST_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headersMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, headersMs),
      // Node's own refusal says nothing; `checkHead` does.
      requireHostHeader: false,
    },
    clientErrorHandler: refuseConnection,
    // The head's own bound holds; what a field may be is the use case's to say.
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    frameworkErrors: (error, request, reply) => {
      reply.headers(BARE_HEADERS).header('x-request-id', request.id);
      sendProblem(reply, problemOf(error, request.id));
    },
  });
  app.decorateRequest('caller', null);
  const refusing = async (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    refuse(error, await stopOf(options.backend, error), request, reply);
  app.setErrorHandler(refusing);
  app.setNotFoundHandler((request, reply) => refuse(noRoute(request, options.routes), null, request, reply));
  // Checked by the use cases themselves, with the words of the command line.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  readBodies(app, options.routes);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    // Whoever puts TLS before it says so there.
    strictTransportSecurity: false,
    crossOriginResourcePolicy: { policy: 'same-origin' },
  });
  // An expectation that nobody knows may be ignored (RFC 9110); Node refuses it without a word.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  guard(app, options, bodyIdleMs);
  await addDocument(app, options.routes, options.version);
  const streams: Streams = { feed: new EventFeed(options.backend), open: new Set() };
  app.addHook('preClose', async () => {
    for (const end of [...streams.open]) end();
  });
  for (const route of options.routes) addRoute(app, { ...options, streams }, route);
  return app;
}

/** JSON alone: a form or plain text is what pages of other sites can send without asking. */
function readBodies(app: FastifyInstance, routes: readonly ApiRoute[]): void {
  app.removeContentTypeParser(['text/plain', 'application/json']);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      checkCharset(request.headers['content-type']);
      done(null, parseJsonBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  const types = new Set(routes.flatMap(({ consumes }) => consumes ?? []));
  for (const type of types) {
    app.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
  }
}

/** Before anything is read of a request. */
function guard(app: FastifyInstance, options: AppOptions, bodyIdleMs: number): void {
  const rates = new SharedRates(options.backend);
  /** Those that wait for permits keep nobody from looking, or from ending what they wait for. */
  const inFlight = { waiting: 0, working: 0 };
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id).header('cache-control', 'no-store');
    checkHead(request.raw);
    boundBody(request.raw, bodyIdleMs);
    const { route } = request.routeOptions.config;
    if (closing) {
      throw new ApiError('OVERLOADED', 'this server is ending', {
        retryAfter: 1,
        headers: { connection: 'close' },
      });
    }
    // Probes are answered however much there is to do: nobody is helped by a restart.
    if (!route?.longLived && route?.scope !== null) {
      const places = route?.waits ? 'waiting' : 'working';
      inFlight[places]++;
      // Also when the caller has gone before it was answered.
      reply.raw.once('close', () => {
        inFlight[places]--;
      });
      if (inFlight[places] > options.maxInFlight) {
        throw new ApiError('OVERLOADED', `${options.maxInFlight} requests are under way already`, {
          retryAfter: 1,
        });
      }
    }
    if (await allowOrigins(request, reply, options)) return;
    checkHost(request, options, shownKey(request) !== null);
    checkOrigin(request, options, route !== undefined);
    if (route === undefined || route.scope === null) return;
    const caller = await callerOf(request, options, rates);
    request.caller = caller;
    if (!includesScope(caller.scope, route.scope)) {
      throw new ApiError('FORBIDDEN', `the key has scope ${caller.scope}; this needs ${route.scope}`, {
        field: 'Authorization',
      });
    }
    if (caller.key !== null && route.rateLimited !== false) {
      await rates.check(
        'requests of the key',
        caller.key,
        caller.requestsPerMinute ?? options.requestsPerMinute,
      );
    }
  });
  // Else the connection would be kept for a next request, and the server with it.
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  app.addHook('preHandler', async (request) => {
    const { route } = request.routeOptions.config;
    if (route?.endUser === undefined) return;
    const { [route.endUser]: user } = {
      ...(request.query as object),
      ...(request.body as object | null),
      ...(request.params as object),
    } as Record<string, unknown>;
    if (typeof user !== 'string') return;
    const digest = await digestOfUser(options.backend, user);
    await rates.check('requests of the end user', digest, options.endUserRequestsPerMinute);
  });
}

function addRoute(app: FastifyInstance, terms: PerformTerms, route: ApiRoute): void {
  app.route({
    method: route.method,
    url: fullPath(route).replace(/\{(\w+)\}/g, ':$1'),
    config: { route },
    ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
    exposeHeadRoute: answersHead(route),
    handler: async (request, reply) => {
      const done = await perform(route, terms, request, reply);
      if (done === undefined) return reply;
      return sendAnswer(reply, route, done);
    },
  });
}

function sendAnswer(reply: FastifyReply, route: ApiRoute, { status, location, headers = {}, body }: Answer) {
  reply.code(status ?? route.status).headers(headers);
  if (location !== undefined) reply.header('location', location);
  if (body === undefined) return reply.send();
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body));
}

/** Of a pool that lets no call through: who or what stops it. With the database away nobody knows. */
async function stopOf(backend: Backend, error: unknown): Promise<StopFacts | null> {
  const pool = error instanceof OperationError ? error.wait?.pool : undefined;
  return pool === undefined ? null : stopFacts(backend, pool).catch(() => null);
}

function refuse(
  error: unknown,
  stop: StopFacts | null,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const route = request.routeOptions.config?.route;
  const inPath = route === undefined ? [] : pathFields(route.path);
  const inBody = (field: string) =>
    route !== undefined && takesBody(route) && route.consumes === undefined && !inPath.includes(field);
  const problem = problemOf(ofBody(error, request) ?? error, request.id, inBody, stop);
  if (problem.internal) {
    // Whoever has gone makes waits and uploads end like this.
    const level = reply.raw.destroyed ? 'info' : 'error';
    request.log[level](
      { requestId: request.id, route: route?.id, error: stackOf(error) },
      'a request failed',
    );
  }
  return sendProblem(reply, problem);
}

/** What Fastify says of a body, with what would be right. */
function ofBody(error: unknown, request: FastifyRequest): ApiError | null {
  const { bodyLimit, config } = request.routeOptions;
  switch ((error as { readonly code?: unknown } | null)?.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiError('TOO_LARGE', `the body is longer than ${bodyLimit} bytes`, { field: '' });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return unfitType(request.headers['content-type'], config?.route?.consumes);
    default:
      return null;
  }
}

/** What use cases say needs no stack. */
const stackOf = (error: unknown) =>
  error instanceof Error && !(error instanceof OperationError) ? error.stack : messageOf(error);

/** Another method of a path that there is, or no path of ours. */
function noRoute(request: FastifyRequest, routes: readonly ApiRoute[]): ApiError {
  const path = request.url.split('?')[0] ?? '';
  const methods = routes
    .filter((route) => new RegExp(`^${fullPath(route).replace(/\{\w+\}/g, '[^/]+')}$`).test(path))
    .flatMap((route) => (answersHead(route) ? [route.method, 'HEAD'] : [route.method]));
  return methods.length === 0
    ? new ApiError(
        'NO_SUCH_ROUTE',
        `there is nothing at ${path.slice(0, 200)}; /api/docs lists what there is`,
      )
    : new ApiError('METHOD_NOT_ALLOWED', `${request.method} does not go here; send ${methods.join(' or ')}`, {
        headers: { allow: methods.join(', ') },
      });
}
