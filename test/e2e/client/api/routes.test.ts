/** Every route of the table, over sockets: who may, what is wrong, what is away. Made from the table itself. */
import { z } from 'zod';
import { fieldSchemas } from '../../../../client/api/openapi';
import { codesOf } from '../../../../client/api/problem';
import { type ApiRoute, fullPath, pathFields, takesBody } from '../../../../client/api/route';
import { ROUTES } from '../../../../client/api/routes/index';
import { routeOf, type Sample, samples, send, undocumented } from '../../../support/api-samples';
import { type ApiStack, closedAddress, startApiStack } from '../../../support/stacks/api-stack';

const HOUR_MS = 3_600_000;
const HOUR = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
const iso = (ms: number) => new Date(ms).toISOString();

let stack: ApiStack;
/** On this machine's own address, which lets everybody in. */
let local: string;
/** On every address, where a key is needed. */
let open: string;
let right: Readonly<Record<string, Sample>>;

const sampleOf = (route: ApiRoute): Sample => {
  const sample = right[route.id];
  if (sample === undefined)
    throw new Error(`${route.id} has no sample: add one to test/support/api-samples.ts`);
  return sample;
};

beforeAll(async () => {
  stack = await startApiStack();
  right = samples({ ...stack, from: iso(HOUR - 12 * HOUR_MS), to: iso(HOUR - 6 * HOUR_MS) });
  const other = await stack.serve({ host: '0.0.0.0' }).catch((error: Error) => error.message);
  expect(other).toMatch(/there is no key/);
  await stack.key('read');
  local = (await stack.serve()).url;
  open = (await stack.serve({ host: '0.0.0.0' })).url;
});

afterAll(() => stack.close());

/** Of all routes, those that fail the check, with why. */
async function failing(
  check: (route: ApiRoute) => Promise<string | null>,
  routes = ROUTES,
): Promise<string[]> {
  const found = await Promise.all(
    routes.map(async (route) => {
      const problem = await check(route).catch((error: unknown) => String(error));
      return problem === null ? [] : [`${route.method} ${fullPath(route)}: ${problem}`];
    }),
  );
  return found.flat();
}

const isProblem = (sent: Awaited<ReturnType<typeof send>>, status: number, code?: string) =>
  sent.status === status &&
  sent.type.startsWith('application/problem+json') &&
  sent.body.status === status &&
  codesOf(status).includes(sent.body.code) &&
  sent.body.requestId === sent.headers.get('x-request-id') &&
  (code === undefined || sent.body.code === code);

const guarded = ROUTES.filter(({ scope }) => scope !== null);

test('no key, an unknown key, and a scope that is too small', async () => {
  const wrong = `slc_${'A'.repeat(43)}`;
  const below = { operate: await stack.key('read'), admin: await stack.key('operate') };
  expect(
    await failing(async (route) => {
      const none = await send(open, route, sampleOf(route));
      if (!isProblem(none, 401, 'UNAUTHENTICATED')) return `without a key: ${none.status}`;
      if (!none.headers.get('www-authenticate')) return 'says not how to log in';
      if (route.scope !== 'operate' && route.scope !== 'admin') return null;
      for (const url of [open, local]) {
        const small = await send(url, route, sampleOf(route), { key: below[route.scope] });
        if (!isProblem(small, 403, 'FORBIDDEN')) return `with too small a scope: ${small.status}`;
      }
      return null;
    }, guarded),
  ).toEqual([]);
  const unknown = await send(local, routeOf('listPools'), {}, { key: wrong });
  expect(isProblem(unknown, 401)).toBe(true);
  // Guesses are slowed down, and shut out nobody who has a key.
  const guesses = await Promise.all(
    Array.from({ length: 40 }, () => send(local, routeOf('listPools'), {}, { key: wrong })),
  );
  expect(guesses.some((sent) => isProblem(sent, 429, 'TOO_MANY_REQUESTS'))).toBe(true);
  expect((await send(local, routeOf('listPools'), {}, { key: below.operate })).status).toBe(200);
});

/** A value that no field of this kind takes. */
function wrongValue(schema: z.core.$ZodType): unknown {
  const { type } = z.toJSONSchema(schema as z.ZodType, { io: 'input', unrepresentable: 'any' }) as {
    type?: string;
  };
  return type === 'object' || type === 'array' ? 42 : { nothing: ['of this'] };
}

/** In a query everything is text; one that a free text does not take there is none. */
const isFreeText = (schema: z.core.$ZodType) =>
  ['☃', ['☃']].some((value) => (schema as z.ZodType).safeParse(value).success);

test('bad input: each field, a field that there is not, a body of another kind', async () => {
  expect(
    await failing(async (route) => {
      const sample = sampleOf(route);
      const inPath = pathFields(route.path);
      const inBody = takesBody(route) && route.consumes === undefined;
      const stranger = await send(local, route, { ...sample, nonsense: 'x' });
      if (route.id !== 'isAlive' && route.id !== 'isReady' && !isProblem(stranger, 400, 'UNKNOWN_FIELD')) {
        return `an unknown field: ${stranger.status} ${JSON.stringify(stranger.body)}`;
      }
      for (const [name, schema] of Object.entries(fieldSchemas(route.input))) {
        if (inPath.includes(name) || (!inBody && isFreeText(schema))) continue;
        const value = inBody ? wrongValue(schema) : '☃';
        const sent = await send(local, route, { ...sample, [name]: value });
        const pointer = inBody ? `/${name}` : name;
        const fields: unknown[] = [
          sent.body?.field,
          ...(sent.body?.errors ?? []).map((e: { field: unknown }) => e.field),
        ];
        if (!isProblem(sent, 400) || !fields.some((field) => String(field).startsWith(pointer))) {
          return `${name} ${JSON.stringify(value)}: ${sent.status} ${JSON.stringify(sent.body)}`;
        }
      }
      if (!takesBody(route)) return null;
      const form = await send(local, route, sample, { headers: { 'content-type': 'text/plain' } });
      return isProblem(form, 415) ? null : `a body of plain text: ${form.status}`;
    }),
  ).toEqual([]);
});

/** They answer from the settings or the process alone, or say themselves what is away. */
const NEEDS_NO_DATABASE = new Set([
  'isAlive',
  'listAccounts',
  'showAccount',
  'listDatasets',
  'showStatus',
  'pausePool',
  'resumePool',
  'runDoctor',
  'listPolling',
]);

test('without the database: 503 with when to come again, whatever is asked', async () => {
  const server = await stack.serve({ databaseUrl: `postgres://nobody@${await closedAddress()}/none` });
  expect(
    await failing(async (route) => {
      const sent = await send(server.url, route, sampleOf(route));
      if (sent.status === 503) {
        return isProblem(sent, 503) && Number(sent.headers.get('retry-after')) >= 1 ? null : 'no proper 503';
      }
      // What only Temporal knows, and what is wrong with the request.
      return NEEDS_NO_DATABASE.has(route.id) ||
        needsTemporalOnly(route) ||
        (sent.status >= 400 && sent.status < 500)
        ? null
        : `${sent.status} ${JSON.stringify(sent.body)}`;
    }),
  ).toEqual([]);
  const ready = await send(server.url, routeOf('isReady'), {});
  expect([ready.status, ready.body.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
  // Asked without a key: neither where the database is, nor as whom it is used.
  expect(JSON.stringify(ready.body)).not.toMatch(/127\.0\.0\.1|nobody/);
  expect(server.log()).toMatch(/Postgres cannot be reached at postgres:\/\/nobody@/);
  expect((await send(server.url, routeOf('isAlive'), {})).status).toBe(200);
});

const needsTemporalOnly = ({ id }: ApiRoute) =>
  /^(showWorkers|planBatch|listBackfills|listSyncs|(start|stop|pause|resume)Sync|start(Backfill|Audit))$/.test(
    id,
  );

test('without Temporal: 503 for what needs it, and an answer for the rest', async () => {
  const server = await stack.serve({ temporalAddress: await closedAddress() });
  const needing = new Set<string>();
  expect(
    await failing(async (route) => {
      const sent = await send(server.url, route, sampleOf(route), {
        headers: route.starts ? { 'idempotency-key': `without-${route.id}` } : {},
      });
      if (sent.status === 503) needing.add(route.id);
      if (sent.status >= 500 && !(isProblem(sent, 503) && Number(sent.headers.get('retry-after')) >= 1)) {
        return `${sent.status} ${JSON.stringify(sent.body)}`;
      }
      return null;
    }),
  ).toEqual([]);
  expect([...needing]).toEqual(
    expect.arrayContaining(['showWorkers', 'listBackfills', 'startBackfill', 'startSync']),
  );
});

test('a closed pool: starts are taken and wait, reads go on, and good answers are as the document says', async () => {
  const answers: Record<string, Awaited<ReturnType<typeof send>>> = {};
  const tried = async (route: ApiRoute, sample = sampleOf(route)) => {
    const sent = await send(local, route, sample);
    answers[route.id] = sent;
    if (sent.status >= 400) {
      return sent.status !== 500 && isProblem(sent, sent.status)
        ? null
        : `${sent.status} ${JSON.stringify(sent.body)}`;
    }
    if (sent.status >= 300 || route.result === null) return null;
    const unlike = undocumented(route.result, sent.body);
    if (unlike !== null) return `not as documented: ${unlike}`;
    if (sent.status !== route.status) return `${sent.status} instead of ${route.status}`;
    return route.starts && !sent.headers.get('location') ? 'no Location' : null;
  };
  const statusOf = (id: string) => answers[id]?.status;
  expect(await failing(tried, [routeOf('pausePool')])).toEqual([]);
  expect(statusOf('pausePool')).toBe(200);
  const others = new Set(['resumePool', 'followEvents', 'stopSync']);
  expect(
    await failing(
      tried,
      ROUTES.filter(({ id }) => !others.has(id)),
    ),
  ).toEqual([]);
  for (const id of ['startBackfill', 'startAudit', 'startSync', 'startBatch', 'uploadBatch']) {
    expect([id, statusOf(id)]).toEqual([id, 202]);
  }
  for (const id of ['showCoverage', 'listRows', 'listPools']) expect([id, statusOf(id)]).toEqual([id, 200]);
  for (const id of ['showBatch', 'showBackfill']) expect([id, statusOf(id)]).toEqual([id, 404]);
  expect(await failing(tried, [routeOf('resumePool')])).toEqual([]);
  expect(answers.resumePool?.body.before).toBe('held');

  // What was started is found, one after the other.
  const { batch } = answers.startBatch?.body ?? {};
  const backfill = answers.startBackfill?.body.workflowId;
  const permit = { account: stack.account, operation: 'getReports' };
  const found: [string, Sample][] = [
    ...['showBatch', 'listBatchItems', 'pauseBatch'].map((id): [string, Sample] => [id, { batch }]),
    ['explainWork', { id: `batch:${batch}` }],
    ...['resumeBatch', 'cancelBatch'].map((id): [string, Sample] => [id, { batch }]),
    ...(['skipBatchItems'] as const).map((id): [string, Sample] => [id, { batch, ids: ['a1'] }]),
    ['retryBatchItems', { batch }],
    ...['showBackfill', 'pauseBackfill', 'resumeBackfill', 'cancelBackfill'].map((id): [string, Sample] => [
      id,
      { backfill },
    ]),
    ['explainWork', { id: backfill }],
    ...['pauseSync', 'listSyncs', 'stopSync', 'showStatus', 'listEvents'].map((id): [string, Sample] => [
      id,
      right[id] ?? {},
    ]),
    ['deleteSecret', { name: 'sample' }],
    ['revokeKey', { key: 'sample' }],
    ['takePermit', permit],
  ];
  for (const [id, sample] of found) {
    expect(await failing((route) => tried(route, sample), [routeOf(id)])).toEqual([]);
    expect([id, answers[id]?.status, answers[id]?.body]).toEqual([id, routeOf(id).status, expect.anything()]);
  }
  const outcome = { id: answers.takePermit?.body.permit, status: 200 };
  expect(await failing((route) => tried(route, outcome), [routeOf('reportOutcome')])).toEqual([]);
});

test('the document: every route, valid references, no address of elsewhere on the page', async () => {
  const document = (await (await fetch(`${local}/api/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  expect(document.openapi).toBe('3.1.0');
  for (const route of ROUTES) {
    expect(document.paths[fullPath(route)]?.[route.method.toLowerCase()]?.operationId).toBe(route.id);
  }
  expect(new Set(ROUTES.map(({ id }) => id)).size).toBe(ROUTES.length);
  const page = await fetch(`${local}/api/docs/`);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  const html = await page.text();
  const scripts = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, at]) => String(at));
  expect(scripts.length).toBeGreaterThan(3);
  expect(scripts.filter((at) => /^(https?:)?\/\//.test(at))).toEqual([]);
});

test('pages of other sites, names that are not ours, proxies, methods, long bodies and headers', async () => {
  const pools = routeOf('listPools');
  const asked = (headers: Record<string, string>) => send(local, pools, {}, { headers });
  expect(isProblem(await asked({ origin: 'https://evil.example' }), 403, 'FORBIDDEN')).toBe(true);
  expect(isProblem(await asked({ origin: 'null' }), 403, 'FORBIDDEN')).toBe(true);
  expect((await asked({ origin: local })).status).toBe(200);
  for (const [name, value] of [
    ['x-forwarded-for', '10.0.0.9'],
    ['via', '1.1 proxy'],
    ['x-forwarded-proto', 'https'],
  ] as const) {
    expect(isProblem(await asked({ [name]: value }), 401)).toBe(true);
  }
  expect((await asked({})).headers.get('access-control-allow-origin')).toBeNull();
  const { body: away } = await send(local, { ...pools, path: '/nothing' }, {});
  expect(away.code).toBe('NO_SUCH_ROUTE');
  const method = await send(local, { ...pools, method: 'DELETE' }, {});
  expect([method.status, method.headers.get('allow')]).toEqual([405, 'GET']);
  const long = await send(local, routeOf('pausePool'), {
    pool: stack.account,
    reason: 'x'.repeat(1_100_000),
  });
  expect(isProblem(long, 413, 'TOO_LARGE')).toBe(true);
  const broken = await fetch(`${local}/api/v1/pools/x/pause`, {
    method: 'POST',
    body: '{"reason":',
    headers: { 'content-type': 'application/json' },
  });
  expect(broken.status).toBe(400);
  expect((await asked({ 'x-long': 'x'.repeat(20_000) })).status).toBe(431);
  const headers = (await asked({})).headers;
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
});
