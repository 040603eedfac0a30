/** Every route of the table, over sockets: who may, what is wrong, what is away. Made from the table itself. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fieldSchemas } from '../../../../client/api/openapi';
import { codesOf } from '../../../../client/api/problem';
import { type ApiRoute, fullPath, pathFields, takesBody } from '../../../../client/api/route';
import { ROUTES } from '../../../../client/api/routes/index';
import { findAccount } from '../../../../settings/accounts/accounts';
import { applyPoolEvent, readPool, registerPool } from '../../../../store/pools/pools';
import { routeOf, type Sample, type Sent, samples, send, undocumented } from '../../../support/api-samples';
import { badValues } from '../../../support/bad-input';
import { temporaryFolder } from '../../../support/run/run-folder';
import { type ApiStack, CAR_USER, closedAddress, startApiStack } from '../../../support/stacks/api-stack';
import { contentsOf } from '../../../support/table-contents';

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
  const other = await stack.serve({ host: '0.0.0.0' }).catch((error: Error) => error.message);
  expect(other).toMatch(/there is no key/);
  await stack.key('read');
  [local, open] = (await Promise.all([stack.serve(), stack.serve({ host: '0.0.0.0' })])).map(
    ({ url }) => url,
  ) as [string, string];
  right = await somethingThere();
});

afterAll(() => stack.close());

/** Begins one of each thing that routes show and steer. No worker runs, so that each stays as it is. */
async function somethingThere(): Promise<typeof right> {
  const terms = { ...stack, from: iso(HOUR - 12 * HOUR_MS), to: iso(HOUR - 6 * HOUR_MS) };
  const first = samples(terms);
  const begin = async (id: string, more: Sample = {}) => {
    const { status, body } = await send(local, routeOf(id), { ...first[id], ...more });
    if (status >= 300) throw new Error(`${id}: ${status} ${JSON.stringify(body)}`);
    return body;
  };
  const { email: username, password } = CAR_USER;
  await begin('startLogin', { account: stack.car, fields: { username, password, captcha: 'x' } });
  const lists = await begin('refreshVehicles', { account: undefined });
  const vehicleOf = (name: string): string =>
    lists.find(({ account }: { account: string }) => account === name).vehicles[0].vehicleId;
  const folder = temporaryFolder('api-input');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'artists.csv');
  writeFileSync(file, 'artist_id,artist_name\nb1,Bob\n');
  const there = { vin: vehicleOf(stack.car), device: vehicleOf(stack.fleet), file };
  const [batch, run, login, command, permit] = await Promise.all([
    begin('startBatch'),
    begin('startBackfill'),
    begin('startLogin'),
    begin('sendCommand', { device: there.device }),
    begin('takePermit'),
  ]);
  return samples({
    ...terms,
    there: {
      ...{ ...there, batch: String(batch.batch), backfill: run.workflowId, permit: permit.permit },
      ...{ login: String(login.id), command: String(command.id) },
    },
  });
}

/** Of all routes, those that fail the check, with why. */
async function failing(
  check: (route: ApiRoute) => Promise<string | null>,
  routes: readonly ApiRoute[] = ROUTES,
  atOnce = routes.length,
): Promise<string[]> {
  const found: string[] = [];
  const left = [...routes];
  const work = async () => {
    for (let route = left.shift(); route !== undefined; route = left.shift()) {
      const problem = await check(route).catch((error: unknown) => String(error));
      if (problem !== null) found.push(`${route.method} ${fullPath(route)} (${route.id}): ${problem}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return found;
}

const isProblem = (sent: Sent, status: number, code?: string) =>
  sent.status === status &&
  sent.type.startsWith('application/problem+json') &&
  sent.body.status === status &&
  codesOf(status).includes(sent.body.code) &&
  sent.body.requestId === sent.headers.get('x-request-id') &&
  sent.headers.get('x-content-type-options') === 'nosniff' &&
  (status !== 503 && status !== 429 ? true : Number(sent.headers.get('retry-after')) >= 1) &&
  (code === undefined || sent.body.code === code);

const shown = ({ status, body }: Sent) => `${status} ${JSON.stringify(body)?.slice(0, 400)}`;
const guarded = ROUTES.filter(({ scope }) => scope !== null);

/** What is looked at, all at once; then what changes something, in the table's order, and what ends it last. */
async function failingInOrder(
  check: (route: ApiRoute) => Promise<string | null>,
  atOnce = 1,
): Promise<string[]> {
  const reads = ROUTES.filter(({ method }) => method === 'GET');
  const changes = ROUTES.filter(({ method }) => method !== 'GET');
  const ends = changes.filter(({ id }) => /^(stop|cancel|revoke|delete|pausePool|resumePool)/.test(id));
  return [
    ...(await failing(check, reads)),
    ...(await failing(
      check,
      changes.filter((route) => !ends.includes(route)),
      atOnce,
    )),
    ...(await failing(check, ends, 1)),
  ];
}

test('no key, an unknown key, and a scope that is too small', async () => {
  const wrong = `slc_${'A'.repeat(43)}`;
  const below = { operate: await stack.key('read'), admin: await stack.key('operate') };
  const before = await contentsOf(stack.db, ['api_keys', 'api_key_use']);
  expect(
    await failing(async (route) => {
      const none = await send(open, route, sampleOf(route));
      if (!isProblem(none, 401, 'UNAUTHENTICATED')) return `without a key: ${none.status}`;
      if (!none.headers.get('www-authenticate')) return 'says not how to log in';
      if (route.scope !== 'operate' && route.scope !== 'admin') return null;
      for (const url of [open, local]) {
        const small = await send(url, route, sampleOf(route), { key: below[route.scope] });
        if (!isProblem(small, 403, 'FORBIDDEN')) return `with too small a scope: ${small.status}`;
        if (!small.body.detail.includes(route.scope)) return `names no scope: ${shown(small)}`;
      }
      return null;
    }, guarded),
  ).toEqual([]);
  expect(await contentsOf(stack.db, ['api_keys', 'api_key_use'])).toEqual(before);
  const unknown = await send(local, routeOf('listPools'), {}, { key: wrong });
  expect(isProblem(unknown, 401)).toBe(true);
  // Guesses are slowed down, and shut out nobody who has a key.
  const guesses = await Promise.all(
    Array.from({ length: 40 }, () => send(local, routeOf('listPools'), {}, { key: wrong })),
  );
  expect(guesses.some((sent) => isProblem(sent, 429, 'TOO_MANY_REQUESTS'))).toBe(true);
  expect((await send(local, routeOf('listPools'), {}, { key: below.operate })).status).toBe(200);
});

/** Refused by a name that is not there, which names the field; a path's name may be refused as not found. */
const REFUSED = new Set([400, 404, 409]);

function unlike(sent: Sent, field: string, value: unknown): string | null {
  if (!REFUSED.has(sent.status) || !isProblem(sent, sent.status)) return shown(sent);
  const found: { field: string | null; detail: string }[] = [sent.body, ...(sent.body.errors ?? [])];
  const ofField = found.filter((one) => one.field === field || one.field?.startsWith(`${field}/`));
  if (ofField.length === 0) return `names not ${field}: ${shown(sent)}`;
  const plain = [value].flat()[0];
  const short = typeof plain === 'number' || (typeof plain === 'string' && /^[ -~☃]{1,100}$/.test(plain));
  return short && !SECRET.test(field) && !sent.body.detail.includes(String(plain))
    ? `does not say the value ${plain}: ${shown(sent)}`
    : null;
}

/** Never shown again. */
const SECRET = /password|captcha|value|fields/;

test('bad input: every value of every field that cannot be right is refused by its name, and nothing is written', async () => {
  // How often an end user has asked is counted whatever is asked.
  const before = await contentsOf(stack.db, ['api_key_use']);
  let tried = 0;
  expect(
    await failing(async (route) => {
      const sample = sampleOf(route);
      const inPath = pathFields(route.path);
      const inBody = (name: string) =>
        takesBody(route) && route.consumes === undefined && !inPath.includes(name);
      const wrong: string[] = [];
      const expectRefusal = async (fields: Sample, name: string, what: string, value?: unknown) => {
        tried++;
        const pointer = inBody(name) ? `/${name}` : name;
        const problem = unlike(await send(local, route, fields), pointer, value);
        if (problem !== null)
          wrong.push(`${name} ${what} ${JSON.stringify(value)?.slice(0, 40)}: ${problem}`);
      };
      // Those that ask whether it lives may add what they like.
      if (route.scope !== null) await expectRefusal({ ...sample, nonsense: 'x' }, 'nonsense', 'unknown');
      for (const [name, schema] of Object.entries(fieldSchemas(route.input))) {
        const { [name]: given, ...others } = sample;
        const needed = given !== undefined && !inPath.includes(name) && !isOptional(schema);
        if (needed) await expectRefusal(others, name, 'missing');
        for (const { what, value } of badValues(route, name, schema)) {
          await expectRefusal({ ...sample, [name]: value }, name, what, value);
        }
      }
      if (takesBody(route)) {
        for (const type of [
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
        ]) {
          const form = await send(local, route, sample, { headers: { 'content-type': type } });
          if (!isProblem(form, 415)) wrong.push(`a body of ${type}: ${shown(form)}`);
        }
      }
      return wrong.length === 0 ? null : `\n  ${wrong.join('\n  ')}`;
    }),
  ).toEqual([]);
  expect(tried).toBeGreaterThan(2_000);
  expect(await contentsOf(stack.db, ['api_key_use'])).toEqual(before);
});

const isOptional = (schema: unknown) =>
  (schema as { safeParse(value: unknown): { success: boolean } }).safeParse(undefined).success;

/** They answer from the settings, the process or Temporal alone, or say themselves what is away. */
const NEEDS_NO_DATABASE = [
  ...['isAlive', 'listAccounts', 'showAccount', 'listDatasets', 'showStatus', 'pausePool', 'resumePool'],
  ...['runDoctor', 'listPolling', 'showWorkers', 'planBatch', 'listBackfills', 'listSyncs'],
  ...['startBackfill', 'startAudit', 'startSync', 'startPolling'],
];
/** They need Temporal alone, like those below, and would end what other tests look at. */
const ENDS_RUNS = /^(stopSync|stopPolling|cancelBackfill)$/;
const STEERS_RUNS = /^(stop|pause|resume|cancel|show)(Sync|Polling|Backfill)$/;

/** Asks again what is slow, for the machine may have been busy; what is slow three times is put down. */
async function soon(slow: string[], route: ApiRoute, ask: () => Promise<Sent>): Promise<Sent> {
  for (let tries = 1; ; tries++) {
    const from = performance.now();
    const sent = await ask();
    const ms = performance.now() - from;
    if (ms < 10_000) return sent;
    if (tries < 3) continue;
    slow.push(`${route.id}: ${Math.round(ms)} ms`);
    return sent;
  }
}

test('without the database: 503 with when to come again, soon, whatever is asked', async () => {
  const server = await stack.serve({ databaseUrl: `postgres://nobody@${await closedAddress()}/none` });
  const served: string[] = [];
  const slow: string[] = [];
  const failed = await failing(
    async (route) => {
      const sent = await soon(slow, route, () => send(server.url, route, sampleOf(route)));
      // Temporal alone knows them, and whether they run.
      if (STEERS_RUNS.test(route.id)) return sent.status < 500 ? null : shown(sent);
      if (sent.status < 300) served.push(route.id);
      return sent.status < 300 || isProblem(sent, 503) ? null : shown(sent);
    },
    ROUTES.filter(({ id }) => !ENDS_RUNS.test(id)),
  );
  // What an answer of 500 keeps to itself is in the log.
  expect({ failed, log: failed.length === 0 ? '' : server.log() }).toEqual({ failed: [], log: '' });
  expect(served.sort()).toEqual([...NEEDS_NO_DATABASE].sort());
  expect(slow).toEqual([]);
  const ready = await send(server.url, routeOf('isReady'), {});
  expect([ready.status, ready.body.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
  // Asked without a key: neither where the database is, nor as whom it is used.
  expect(JSON.stringify(ready.body)).not.toMatch(/127\.0\.0\.1|nobody/);
  expect(server.log()).toMatch(/Postgres cannot be reached at postgres:\/\/nobody@/);
});

/** All others answer from the database, or say what they could not reach. */
const NEEDS_TEMPORAL = [
  ...['showWorkers', 'listBackfills', 'showBackfill', 'pauseBackfill', 'resumeBackfill', 'cancelBackfill'],
  ...['startBackfill', 'startAudit', 'startSync', 'stopSync', 'pauseSync', 'resumeSync', 'listSyncs'],
  ...['startBatch', 'uploadBatch', 'startBatchFromFile', 'resumeBatch', 'pauseBatch', 'cancelBatch'],
  ...['sendCommand', 'startLogin', 'startPolling', 'stopPolling', 'pausePolling'],
  ...['resumePolling', 'listPolling', 'explainWork', 'refreshSales'],
];

test('without Temporal: 503 for what needs it, and an answer for the rest', async () => {
  const server = await stack.serve({ temporalAddress: await closedAddress() });
  const away: string[] = [];
  const slow: string[] = [];
  expect(
    await failingInOrder(async (route) => {
      const headers: Record<string, string> = route.starts
        ? { 'idempotency-key': `without-${route.id}` }
        : {};
      const sent = await soon(slow, route, () => send(server.url, route, sampleOf(route), { headers }));
      if (isProblem(sent, 503, 'TEMPORAL_UNAVAILABLE')) away.push(route.id);
      return sent.status >= 500 && !away.includes(route.id) ? shown(sent) : null;
    }, 12),
  ).toEqual([]);
  // These need it where the batch is not paused.
  const always = away.filter((id) => !/^(skip|retry)BatchItems$/.test(id));
  expect(always.sort()).toEqual([...NEEDS_TEMPORAL].sort());
  expect(slow).toEqual([]);
});

async function unlikeTheDocument(route: ApiRoute, sent: Sent): Promise<string | null> {
  if (sent.status !== route.status) return shown(sent);
  if (route.starts && !sent.headers.get('location')) return 'no Location';
  if (route.result === null || !sent.type.startsWith('application/json')) return null;
  const unlike = undocumented(route.result, sent.body);
  return unlike === null ? null : `not as documented: ${unlike}`;
}

test('right requests are answered as the document says', async () => {
  expect(
    await failingInOrder(async (route) => {
      const sent = await send(local, route, sampleOf(route));
      if (route.id === 'exportRows' && isProblem(sent, 404)) return null;
      return unlikeTheDocument(route, sent);
    }),
  ).toEqual([]);
});

/** What needs a call: all others are served as ever while the quota is used up. */
const UNDER_QUOTA: Readonly<Record<string, (sent: Sent) => boolean>> = {
  takePermit: (sent) => isProblem(sent, 429, 'QUOTA_PAUSED') && sent.body.until !== null,
  callVendor: (sent) => isProblem(sent, 429, 'QUOTA_PAUSED') && sent.body.until !== null,
  refreshSales: ({ status, body }) => status === 200 && body.error === 'QuotaExceeded',
  // From what is stored, with why nothing fresher can be had.
  refreshVehicles: ({ status, body }) => status === 200 && body[0].stale.until !== null,
};

test('with the quota used up: no call is made, permits and calls are 429 with until, everything else goes on', async () => {
  for (const name of Object.keys(stack.settings.accounts)) {
    const { poolKey, pool, organization } = findAccount(stack.settings, name);
    await registerPool(stack.db, poolKey, pool, organization, null);
    const epoch = (await readPool(stack.db, poolKey))?.state.epoch ?? 1;
    const evidence = {
      vendor: poolKey.split('/')[0] ?? '',
      account: name,
      operation: 'any',
      message: 'used up',
    };
    await applyPoolEvent(stack.db, poolKey, {
      ...{ type: 'quota', epoch, statedWaitMs: 600_000, reason: 'used up', jitter: 0, evidence },
    });
  }
  const calls = () => [stack.amazon, stack.gps51, stack.mybmw].map(({ log }) => log.list({}).length);
  const before = calls();
  const again = { batch: '1' };
  expect(
    await failing(
      async (route) => {
        const sent = await send(local, route, {
          ...sampleOf(route),
          ...(route.id === 'showBatch' ? again : {}),
        });
        const under = UNDER_QUOTA[route.id];
        if (under !== undefined) return under(sent) ? null : shown(sent);
        if (sent.status === 404 || sent.status === 409) return null;
        return unlikeTheDocument(route, sent);
      },
      ROUTES.filter(({ id }) => !/^(pause|resume|unblock)Pool$/.test(id)),
    ),
  ).toEqual([]);
  expect(calls()).toEqual(before);
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
