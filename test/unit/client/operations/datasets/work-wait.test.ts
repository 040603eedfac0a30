import type { WorkReport } from '../../../../../client/operations/datasets/work';
import {
  type AccountStanding,
  accountWait,
  usedUpWait,
  workWait,
} from '../../../../../client/operations/datasets/work-wait';
import type { LimitTemplate } from '../../../../../quota/limits/limit';
import { CLOSED_POOL } from '../../../../../quota/pools/pool';
import type { PoolState } from '../../../../../quota/pools/state';
import type { KindStop } from '../../../../../store/permits/call-kinds';
import type { LimitStatus } from '../../../../../store/permits/permits';
import type { WorkStatus } from '../../../../../workflows/messages';

const NOW = 1_700_000_000_000;
const MIN = 60_000;
const SALES = 'GET_VENDOR_REAL_TIME_SALES_REPORT';

const standing = (of: Partial<AccountStanding> = {}): AccountStanding => ({
  account: 'acme',
  pool: null,
  probeUntil: null,
  stops: [],
  limits: [],
  calls: null,
  workerSeenAt: null,
  ...of,
});
const stop: KindStop = {
  operation: 'createReport',
  part: '',
  subject: SALES,
  since: NOW - 5 * MIN,
  until: NOW + 25 * MIN,
  refusedFor: 'quota',
  reason: '429 QuotaExceeded',
  strikes: 2,
  hint: 'check role and report type',
  evidence: { vendor: 'amazon', account: 'acme', operation: 'createReport', caller: 'amazon/rt-sales' },
};
const pool = (of: Partial<PoolState>): PoolState => ({ ...CLOSED_POOL, since: NOW - MIN, ...of });
const work = (status: Partial<WorkStatus> | null, of: Partial<WorkReport> = {}): WorkReport => ({
  workflowId: 'sync:amazon/rt-sales:acme',
  running: true,
  status:
    status === null
      ? null
      : {
          phase: 'running',
          detail: '',
          until: null,
          chunksTotal: 0,
          chunksDone: 0,
          chunksFailed: 0,
          rows: 0,
          problems: [],
          ...status,
        },
  problem: null,
  ...of,
});

describe('what Postgres knows of an account', () => {
  test('a closed pool: why, since when, until when, and what frees it', () => {
    const paused = pool({ state: 'quota_paused', until: NOW + MIN, reason: '429', since: NOW - 2 * MIN });
    expect(accountWait('x', standing({ pool: paused }), SALES, NOW)).toEqual({
      what: 'x',
      why: 'its pool is paused: 429',
      since: NOW - 2 * MIN,
      until: NOW + MIN,
      frees: 'nothing, it goes on by itself; to try now: `pool resume acme`',
    });
    const held = pool({ state: 'held', until: null, reason: 'unpaid' });
    expect(accountWait('x', standing({ pool: held }), SALES, NOW)).toMatchObject({
      until: null,
      frees: '`pool resume acme`',
    });
    expect(accountWait('x', standing({ pool: paused }), SALES, NOW + 2 * MIN)).toBeNull();
  });

  test('a report type that is stopped for itself stops its own work alone, and is named', () => {
    const wait = accountWait('x', standing({ stops: [stop] }), SALES, NOW);
    expect(wait).toMatchObject({ since: stop.since, until: stop.until });
    expect(wait?.why).toBe(
      `createReport of ${SALES} (amazon/rt-sales) is refused: 429 QuotaExceeded; strikes: 2; check role and report type`,
    );
    expect(accountWait('x', standing({ stops: [stop] }), 'ANOTHER', NOW)).toBeNull();
  });
});

const TRAFFIC = 'GET_VENDOR_REAL_TIME_TRAFFIC_REPORT';
const template = (of: Partial<LimitTemplate>): LimitTemplate => ({
  ...{ name: 'of-type', operations: ['createReport'], scope: '{account}/{reportType}', unit: 'calls' },
  ...{ window: { kind: 'spacing', ms: 1 }, mode: 'enforce', source: 'settings' },
  ...of,
});
const limit = (key: string, of: Partial<LimitStatus> = {}): LimitStatus => ({
  ...{ key, pools: ['amazon/acme'], name: key.split('/').at(-1) ?? '', unit: 'calls', kind: 'rolling' },
  ...{ limit: 2, used: 2, left: 0, resetsAt: null, source: 'settings', mode: 'enforce', ratePerSecond: null },
  ...{ blockedUntil: NOW + MIN, blockedSince: NOW - MIN, blockedReason: '429 too fast', periodMs: null },
  ...{ grantedCalls: 0, grantedUnits: 0, shadowOver: 0 },
  ...of,
});

describe('a limit without room', () => {
  const only = template({ name: 'sales-only', scope: '{account}', match: { reportType: [SALES] } });
  const wait = (of: Partial<LimitStatus>, operation: string, subject: string) => {
    const full = { blockedUntil: null, blockedReason: '', resetsAt: NOW + 15 * MIN, ...of };
    const known: AccountStanding['calls'] = {
      ...{ vendor: 'amazon', templates: [only], subject: 'reportType' },
      attributes: { vendor: 'amazon', account: 'acme' },
    };
    return usedUpWait(
      'x',
      standing({ limits: [limit('amazon/acme/sales-only', full)], calls: known }),
      { operations: [operation], subject },
      NOW - MIN,
      NOW,
    );
  };

  test('is what a report waits for that has not been requested', () => {
    expect(wait({}, 'createReport', SALES)).toEqual({
      ...{
        what: 'x',
        why: 'sales-only has 2 of 2 used, by settings',
        since: NOW - MIN,
        until: NOW + 15 * MIN,
      },
      frees: expect.stringContaining('`limit set acme sales-only`'),
    });
  });

  test('and nothing that makes other calls, nor while it has room, or will have in a moment', () => {
    expect(wait({}, 'getReportDocument', SALES)).toBeNull();
    expect(wait({}, 'createReport', TRAFFIC)).toBeNull();
    expect(wait({ left: 1 }, 'createReport', SALES)).toBeNull();
    expect(wait({ resetsAt: NOW + 500 }, 'createReport', SALES)).toBeNull();
    expect(wait({ mode: 'shadow' }, 'createReport', SALES)).toBeNull();
  });
});

describe('a limit that the vendor has asked to wait for', () => {
  const calls = (...templates: LimitTemplate[]): AccountStanding['calls'] => ({
    ...{ vendor: 'amazon', templates, subject: 'reportType' },
    attributes: { vendor: 'amazon', account: 'acme' },
  });
  const why = (blocked: LimitStatus, about: string | null, ...templates: LimitTemplate[]) =>
    accountWait('x', standing({ limits: [blocked], calls: calls(...templates) }), about, NOW)?.why ?? null;

  test('is shown to the work whose report type it is of, and to no other', () => {
    const blocked = limit(`amazon/acme/${SALES}/of-type`);
    expect(why(blocked, SALES, template({}))).toMatch(/of-type to wait: 429 too fast/);
    expect(why(blocked, TRAFFIC, template({}))).toBeNull();
    expect(why(blocked, null, template({}))).not.toBeNull();
  });

  test('nor to work that it does not match', () => {
    const blocked = limit('amazon/acme/sales-only');
    const only = template({ name: 'sales-only', scope: '{account}', match: { reportType: [SALES] } });
    expect(why(blocked, SALES, only)).not.toBeNull();
    expect(why(blocked, TRAFFIC, only)).toBeNull();
  });

  test('nor to work that does not call what it is of', () => {
    const device = limit('gps51/fleet/860080434600001/device-trajectory-per-day');
    const templates = [
      template({
        name: 'device-trajectory-per-day',
        operations: ['querytrips'],
        scope: '{account}/{deviceId}',
      }),
    ];
    const fleet = { devices: 'list', positions: 'lastposition', trips: 'querytrips', track: 'querytracks' };
    const attributes = { vendor: 'gps51', account: 'fleet' };
    const of = standing({
      limits: [device],
      calls: { vendor: 'gps51', templates, subject: null, attributes, fleet },
    });
    const shown = (dataset: string) =>
      workWait(work({ phase: 'sleeping' }, { workflowId: `sync:${dataset}:fleet` }), of, null, NOW)?.why ??
      null;
    expect(shown('gps51/trips')).toMatch(/device-trajectory-per-day/);
    expect(shown('gps51/positions')).toBeNull();
    expect(shown('gps51/tracks')).toBeNull();
  });

  test('is shown to all where the scope does not say whose it is, or the settings do not know it', () => {
    const device = limit('amazon/acme/860080434600001/of-device');
    expect(why(device, SALES, template({ name: 'of-device', scope: '{account}/{deviceId}' }))).not.toBeNull();
    expect(why(limit('amazon/acme/gone'), SALES)).not.toBeNull();
    // Of another account, with which it shares nothing.
    const mixed = template({ name: 'mixed', scope: '{account}/{deviceId}/{reportType}' });
    expect(why(limit(`amazon/acme/d/${SALES}/mixed`), SALES, mixed)).not.toBeNull();
    expect(why(limit(`amazon/acme/d/${TRAFFIC}/mixed`), SALES, mixed)).toBeNull();
  });
});

describe('a piece of work', () => {
  test('that an operator has paused is freed by the command that resumes it', () => {
    const paused = { phase: 'paused', detail: 'inventory', since: NOW - MIN } as const;
    expect(workWait(work(paused), standing(), SALES, NOW)).toMatchObject({
      why: 'inventory',
      since: NOW - MIN,
      until: null,
      frees: '`sync resume amazon/rt-sales acme`',
    });
    const id = 'backfill:amazon/rt-sales:acme:2026-11-01T00:00..2026-11-02T00:00';
    expect(workWait(work(paused, { workflowId: id }), null, SALES, NOW)?.frees).toBe(
      `\`backfill resume ${id}\``,
    );
  });

  test('stands still at once when its pool does, whatever it says itself', () => {
    const held = pool({ state: 'held', until: null, reason: 'credentials refused' });
    expect(workWait(work({ phase: 'sleeping' }), standing({ pool: held }), SALES, NOW)).toMatchObject({
      why: 'its pool is held: credentials refused',
    });
  });

  test('that nobody answers for needs a worker', () => {
    expect(workWait(work(null, { problem: 'no worker answers' }), standing(), SALES, NOW)).toMatchObject({
      why: 'no worker answers',
      frees: '`start worker`',
    });
    const since = (workerSeenAt: number | null, startedAt?: number) =>
      workWait(
        work(null, { problem: 'no worker runs', ...(startedAt === undefined ? {} : { startedAt }) }),
        standing({ workerSeenAt }),
        SALES,
        NOW,
      )?.since;
    expect([since(NOW - MIN), since(NOW - MIN, NOW - 9), since(null, NOW - 9)]).toEqual([
      NOW - MIN,
      NOW - 9,
      NOW - 9,
    ]);
    expect(since(NOW - MIN, NOW - 5 * MIN)).toBe(NOW - MIN);
  });

  test('that a busy worker does not answer for stands still for what stops its account', () => {
    const busy = work(null, { problem: 'no worker answers', workerRuns: true });
    expect(workWait(busy, standing(), SALES, NOW)?.why).toBe('no worker answers');
    const held = pool({ state: 'held', until: null, reason: 'audit of ours' });
    expect(workWait(busy, standing({ pool: held }), SALES, NOW)?.why).toBe('its pool is held: audit of ours');
  });

  test('that waits for what comes of the first call after a stop says since when', () => {
    const half = pool({ state: 'half_open', until: null, since: NOW - MIN, reason: '5 failures' });
    const waiting = work({ phase: 'waiting for quota', detail: '5 failures', until: NOW + 9 });
    expect(workWait(waiting, standing({ pool: half }), SALES, NOW)).toMatchObject({
      why: expect.stringMatching(/lets one call go first.*: 5 failures$/),
      since: NOW - MIN,
      until: NOW + 9,
    });
    // Once that call has left: until its answer is not waited for any longer.
    const out = standing({ pool: half, probeUntil: NOW + MIN });
    expect(workWait(waiting, out, SALES, NOW)?.until).toBe(NOW + MIN);
    expect(workWait(waiting, out, SALES, NOW + 2 * MIN)?.until).toBeNull();
  });

  test('that works, sleeps or has ended stands not still', () => {
    expect(workWait(work({}), standing(), SALES, NOW)).toBeNull();
    expect(workWait(work({ phase: 'sleeping', until: NOW + MIN }), standing(), SALES, NOW)).toBeNull();
    expect(workWait(work({ phase: 'done' }), standing(), SALES, NOW)).toBeNull();
    expect(workWait(work({}, { running: false }), standing(), SALES, NOW)).toBeNull();
  });

  test('that waits for a limit says so', () => {
    expect(
      workWait(work({ detail: 'limit x has no room', until: NOW + MIN }), standing(), SALES, NOW),
    ).toMatchObject({
      why: 'limit x has no room',
      until: NOW + MIN,
    });
  });

  test('and for whom it stands back there', () => {
    const kept = limit('amazon/acme/of-type', {
      blockedUntil: null,
      kind: 'calendar',
      limit: 10,
      used: 8,
      kept: 2,
    });
    const waits = work({ detail: 'no room', until: NOW + MIN, limit: kept.key });
    expect(workWait(waits, standing({ limits: [kept] }), SALES, NOW)?.why).toMatch(
      /has 8 of 10 used.*the rest \(2\) is kept for more important work/,
    );
  });

  test.each([
    ['settings', null, '; sooner, where the vendor allows more: `limit set acme of-type`'],
    ['header', null, ''],
    ['settings', 0.01, ''],
  ])('and that it can be raised, where its size is ours (%s, lowered to %s)', (source, loweredRate, more) => {
    const full = limit('amazon/acme/of-type', { blockedUntil: null, source, loweredRate });
    const waits = work({ phase: 'waiting for quota', until: NOW + MIN, limit: full.key });
    expect(workWait(waits, standing({ limits: [full] }), SALES, NOW)?.frees).toBe(
      `nothing, it goes on by itself${more}`,
    );
  });
});
