/** A sync never waits for its slowest piece, and whatever it waits for is said everywhere. */
import type { Backend } from '../../../../client/operations/backend/backend';
import { listBackfills, startBackfill } from '../../../../client/operations/datasets/backfills';
import { followWork } from '../../../../client/operations/datasets/follow';
import { listSyncs, pauseSync, startSync } from '../../../../client/operations/datasets/syncs';
import { readStatus } from '../../../../client/operations/diagnosis/status';
import { pausePool } from '../../../../client/operations/pools/pools';
import { stateDir } from '../../../../embedded/state-dir';
import { HOUR_MS } from '../../../../quota/durations';
import type { Standstill } from '../../../../quota/pools/standstill';
import { workStatusQuery } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { temporaryFolder } from '../../../support/run/run-folder';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import { nextCycle, phaseOf } from '../../../support/stacks/amazon-lab/syncs';
import { lastHours, steadyLagMinutes } from '../../../support/stacks/due-hours';

const MARKETPLACES = ['ATVPDKIKX0DER', 'A2EUQ1WTGCTBG2'];

const QUIET = { dataset: { dailyAudit: false, lookbackDays: 1, chunkHours: 24 } };
const ONE_AN_HOUR = { ratePerSecond: 1 / 3600, burst: 1 };

const lab = Lab.start({
  accounts: {
    limit: { ...QUIET, account: { limits: { createReport: ONE_AN_HOUR } } },
    quota: QUIET,
    operator: QUIET,
    paused: QUIET,
    blocked: QUIET,
    credentials: QUIET,
    loginTooFast: QUIET,
    down: {
      ...QUIET,
      account: {
        retry: { server: { baseMs: 50, maxMs: 100, attempts: 8 } },
        pool: { breakerOpenSeconds: 900 },
      },
    },
    stuck: { dataset: { dailyAudit: false, lookbackDays: 1, chunkHours: 6 } },
    apart: { account: { marketplaces: MARKETPLACES }, dataset: { dailyAudit: false } },
    old: {
      dataset: {
        dailyAudit: false,
        poll: {
          initialSeconds: 0.1,
          factor: 1.5,
          maxSeconds: 0.2,
          reportAfterMinutes: 0.01,
          requestAgainAfterHours: 0.005,
        },
        minRerequestMinutes: 0,
      },
    },
  },
});
afterAll(async () => (await lab).close());

test('new hours are requested on time while an old report is stuck, and nothing is requested twice', async () => {
  const l = await lab;
  l.outcome('stuck', { id: 'stuck', status: 'IN_QUEUE', count: 1 });
  await l.restartWorker({ datasets: { safeMinutesLag: steadyLagMinutes(3) } });
  const sync = await l.sync('stuck');
  await eventually('one report alone is left', async () => {
    const status = await sync.query(workStatusQuery);
    return (
      status.phase === 'running' && status.chunksDone === status.chunksTotal - 1 && status.chunksTotal > 1
    );
  });
  const before = l.reportsMade('stuck').length;
  expect((await sync.query(workStatusQuery)).detail).toMatch(/sync: 1 of \d+ reports under way since/);

  await l.restartWorker({});
  await sync.signal('resume');
  await eventually('the new hours are there', async () => l.reportsMade('stuck').length > before);
  await eventually('they are in', async () => {
    const windows = await l.data.windows('stuck');
    return Math.max(...windows.map((w) => w.to)) > Date.now() - 3 * HOUR_MS;
  });
  const asked = l.reportsMade('stuck').map(({ from, to }) => `${from}..${to}`);
  expect(new Set(asked).size).toBe(asked.length);
  await sync.terminate();
});

test('a marketplace that is refused keeps no other from its hours', async () => {
  const l = await lab;
  const body = JSON.stringify({
    errors: [{ code: 'InvalidInput', message: 'Marketplace is not allowed.', details: '' }],
  });
  l.fault('apart', {
    kind: 'status',
    status: 400,
    operation: 'createReport',
    body,
    where: { marketplaceId: MARKETPLACES[1] },
  });
  const sync = await l.sync('apart');
  await phaseOf(sync, 'sleeping');
  const made = l.calls('apart', 'createReport').filter((call) => call.status === 202);
  expect(made.every((call) => String(call.requestDetail.marketplaceIds) === MARKETPLACES[0])).toBe(true);
  expect(made.length).toBeGreaterThanOrEqual(4);
  await sync.terminate();
});

test('a report that is not made is reported with its age, and requested again at some age', async () => {
  const l = await lab;
  l.outcome('old', { id: 'old', status: 'IN_QUEUE', count: 1 });
  const sync = await l.sync('old');
  const slow = await eventually('it is reported', async () =>
    (await l.poolEvents('old')).find((e) => e.kind === 'report.slow'),
  );
  expect(slow.data).toMatchObject({
    dataset: 'amazon/rt-sales',
    reportId: expect.any(String),
    age: expect.stringMatching(/ h$/),
  });
  await phaseOf(sync, 'sleeping');
  const failed = (await l.data.windows('old')).find((w) => w.state === 'failed');
  expect(failed?.reason).toMatch(/has not made report \d+ within/);
  await l.db.query(`update coverage set retry_at = now() where series_id = $1 and state = 'failed'`, [
    await l.data.seriesId('old'),
  ]);
  // The vendor may end a report that is asked for again so soon in any way; here it makes it.
  l.outcome('old', { id: 'anew', status: 'DONE' });
  await nextCycle(sync);
  expect((await l.data.windows('old')).filter((w) => w.state === 'failed')).toEqual([]);
  await sync.terminate();
});

type Label = Parameters<Awaited<typeof lab>['account']>[0];

interface Kind {
  readonly arrange: (l: Awaited<typeof lab>, backend: Backend) => unknown;
  readonly why: RegExp;
  readonly frees: RegExp;
  /** Ends by itself at a time that is known. */
  readonly ends: boolean;
  readonly event: string;
}

const answer = (label: Label, operation: string, status: number, body: object, headers = {}) => ({
  arrange: (l: Awaited<typeof lab>) =>
    l.fault(label, { kind: 'status', status, operation, body: JSON.stringify(body), headers }),
});
const errors = (code: string) => ({ errors: [{ code, message: code, details: '' }] });

const KINDS: Partial<Record<Label, Kind>> = {
  limit: {
    arrange: () => undefined,
    ...{ why: /createReport/, frees: /goes on by itself/, ends: true, event: 'limit.waiting' },
  },
  quota: {
    ...answer('quota', 'createReport', 429, errors('QuotaExceeded'), { 'retry-after': '3600' }),
    ...{ why: /paused: 429 QuotaExceeded/, frees: /pool resume/, ends: true, event: 'pool.quota_paused' },
  },
  operator: {
    arrange: (l, backend) => pausePool(backend, { pool: l.account('operator'), reason: 'audit of ours' }),
    ...{ why: /audit of ours/, frees: /^`pool resume/, ends: false, event: 'pool.held' },
  },
  blocked: {
    arrange: (l) =>
      l.fault('blocked', { kind: 'status', status: 404, operation: 'createReport', body: '<html>no</html>' }),
    ...{ why: /held: .*404/, frees: /pool resume/, ends: true, event: 'pool.held' },
  },
  credentials: {
    ...answer('credentials', 'token', 400, { error: 'invalid_grant', error_description: 'no' }),
    ...{ why: /credentials refused.*invalid_grant/, frees: /pool resume/, ends: true, event: 'pool.held' },
  },
  loginTooFast: {
    ...answer('loginTooFast', 'token', 429, { error: 'slow_down' }, { 'retry-after': '1800' }),
    ...{ why: /paused: 429 slow_down/, frees: /pool resume/, ends: true, event: 'pool.quota_paused' },
  },
  down: {
    arrange: (l) => l.fault('down', { kind: 'status', status: 503, operation: 'getReport', body: '' }),
    ...{ why: /stopped after failures: .*503/, frees: /pool resume/, ends: true, event: 'pool.open' },
  },
};

test('each kind of wait is said by every list, with since when, until when and what would free it, and by an event', async () => {
  const l = await lab;
  const backend: Backend = {
    ...{ settings: l.settings(), dir: stateDir(temporaryFolder('backend'), {}), caller: 'test' },
    database: (work) => work(l.db),
    temporal: (work) => work(l.client),
  };
  const dataset = 'amazon/rt-sales';
  const span = lastHours(2);
  const iso = (at: number) => new Date(at).toISOString();
  const kinds = Object.entries(KINDS) as [Label, Kind][];
  const started = new Map<Label, Awaited<ReturnType<typeof startBackfill>>>();
  const begun = Date.now();
  for (const [label, kind] of kinds) {
    await kind.arrange(l, backend);
    const account = l.account(label);
    await startSync(backend, { dataset, account });
    const asked = { dataset, account, from: iso(span.from), to: iso(span.to), chunk: '1h' };
    started.set(label, await startBackfill(backend, asked as never));
  }
  const pausedSync = { dataset, account: l.account('paused') };
  await startSync(backend, pausedSync);
  await pauseSync(backend, { ...pausedSync, reason: 'holidays' });

  const problems: string[] = [];
  for (const [label, kind] of kinds) {
    const account = l.account(label);
    const of = (all: readonly { readonly workflowId: string; readonly wait: Standstill | null }[]) =>
      all.find(({ workflowId }) => workflowId.split(':')[2] === account);
    const check = (where: string, wait: Standstill | null | undefined) => {
      const says = JSON.stringify(wait);
      if (!wait) problems.push(`${label}: ${where} says nothing`);
      else if (!kind.why.test(wait.why) || !kind.frees.test(wait.frees))
        problems.push(`${label}: ${where}: ${says}`);
      else if (wait.since === null || (wait.until === null) === kind.ends)
        problems.push(`${label}: ${where}: ${says}`);
    };
    await eventually(`${label} waits`, async () => of(await listSyncs(backend, {}))?.wait?.since).catch(
      (error) => problems.push(String(error)),
    );
    await eventually(
      `the backfill of ${label} waits`,
      async () => of(await listBackfills(backend, {}))?.wait?.since,
    ).catch((error) => problems.push(String(error)));
    const [syncs, backfills, status] = await Promise.all([
      listSyncs(backend, {}),
      listBackfills(backend, {}),
      readStatus(backend, {}),
    ]);
    const inStatus = status as unknown as Record<string, { value?: readonly never[] }>;
    check('sync list', of(syncs)?.wait);
    check('backfill list', of(backfills)?.wait);
    check('status (sync)', (of(inStatus.syncs?.value ?? []) as { wait?: Standstill } | undefined)?.wait);
    check(
      'status (backfill)',
      (of(inStatus.backfills?.value ?? []) as { wait?: Standstill } | undefined)?.wait,
    );
    const stop = new AbortController();
    let followed: Standstill | null = null;
    const checks = { count: 0 };
    await followWork(backend, started.get(label) as never, {
      signal: stop.signal,
      onProgress: (progress) => {
        checks.count++;
        followed = progress.wait;
        if (followed !== null || checks.count > 3) stop.abort();
      },
    });
    check('backfill --wait', followed);
    const events = await l.db.query<{ at: number; kind: string }>(
      `select at, kind from events where (pool = $1 or data ->> 'account' = $2) and kind = $3 order by id`,
      [l.poolKey(label), account, kind.event],
    );
    if (events.rows.length === 0) problems.push(`${label}: no event ${kind.event}`);
    // The event is written when the call waits, the workflow's time is its next task: how long that takes depends on
    // the machine. Both lie within this wait.
    const since = of(syncs)?.wait?.since ?? 0;
    const times = [since, ...events.rows.map(({ at }) => at)];
    const now = Date.now() + 1000;
    if (times.some((at) => at < begun - 1000 || at > now)) {
      problems.push(`${label}: begun at ${begun}, event and since at ${times}, now ${now}`);
    }
  }
  const pausedOne = (await listSyncs(backend, {})).find(
    ({ account }) => account === pausedSync.account,
  )?.wait;
  expect(pausedOne).toMatchObject({ why: 'holidays', since: expect.any(Number), until: null });
  expect(pausedOne?.frees).toMatch(/^`sync resume/);

  await l.stopWorker();
  const alone = (await listSyncs(backend, {})).find(({ account }) => account === pausedSync.account)?.wait;
  expect(problems).toEqual([]);
  expect(alone).toMatchObject({
    why: expect.stringMatching(/^no worker/),
    since: expect.any(Number),
    frees: '`start worker`',
  });
});
