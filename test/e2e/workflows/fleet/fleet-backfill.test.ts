/** The history of a fleet, device by device. */
import { coverageByDevice } from '../../../../store/fleet/ledger';
import type { FleetBackfillInput, fleetBackfill } from '../../../../workflows/fleet/fleet-backfill';
import { pauseSignal, resumeSignal, workStatusQuery } from '../../../../workflows/messages';
import { callsSeen } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import { uniqueName } from '../../../support/stacks/embedded';
import { fleetStacks, positions } from '../../../support/stacks/fleet-stacks';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const start = fleetStacks();

describe('a backfill', () => {
  test('of more days than a day has calls for goes on when the day ends; pause and resume hold and wake it', async () => {
    // A "day" of a minute, in which history may call 2 times for each device: a busy machine does as much, too.
    const s = await start({
      scenario: { fleet: { devices: 2 }, days: { per: 'minute' }, rules: { trajectoryShared: true } },
      account: {
        limits: {
          spacing: { ms: 5 },
          'per-second': { count: 100 },
          'ip-per-minute': { count: 500 },
          'device-trajectory-per-day': { per: 'minute', count: 4 },
        },
      },
    });
    await s.startWorker();
    await positions(s);
    await eventually('a minute with room for six calls', () => Date.now() % MINUTE < 20_000);
    const to = Math.floor(Date.now() / DAY) * DAY - DAY;
    const input: FleetBackfillInput = {
      dataset: 'gps51/tracks',
      account: s.account,
      from: to - 3 * DAY,
      to,
      devices: null,
      chunkHours: null,
      priority: 'background',
    };
    const handle = await s.client.workflow.start<typeof fleetBackfill>('fleetBackfill', {
      workflowId: uniqueName('backfill'),
      taskQueue: s.settings.temporal.taskQueue,
      args: [input],
    });
    const status = () => handle.query(workStatusQuery);
    const waiting = await eventually('the day’s calls are used up', async () => {
      const now = await status();
      // A busy machine may be seen waiting for the distance of two calls, too.
      return now.phase === 'waiting for quota' && /2 devices/.test(now.detail) ? now : null;
    });
    expect(waiting).toMatchObject({ chunksTotal: 6, chunksFailed: 0 });
    expect(waiting.chunksDone).toBeLessThan(6);
    expect(waiting.until).toEqual(expect.any(Number));

    await handle.signal(pauseSignal, 'inventory count');
    expect(await status()).toMatchObject({ phase: 'paused', detail: 'inventory count', until: null });
    await handle.signal(resumeSignal);
    expect(await handle.result()).toMatchObject({ chunks: 6, done: 6, failed: 0, problems: [] });

    const calls = (await callsSeen(s.simulator.url)).filter(({ operation }) => operation === 'querytracks');
    expect(calls).toHaveLength(6);
    // Whichever minutes they fell into.
    const ofDays = new Map<string, number>();
    for (const { t, requestDetail } of calls) {
      const day = `${requestDetail.deviceid} ${Math.floor(t / MINUTE)}`;
      ofDays.set(day, (ofDays.get(day) ?? 0) + 1);
    }
    expect(Math.max(...ofDays.values())).toBe(2);
    const { rows } = await s.db.query('select distinct device_id from fleet_devices order by 1');
    const found = await coverageByDevice(
      s.db,
      input.dataset,
      s.account,
      rows.map((row) => row.device_id),
      input,
      Date.now(),
    );
    expect(found).toMatchObject([
      { done: 3, failed: 0, gaps: [] },
      { done: 3, failed: 0, gaps: [] },
    ]);
    const stored = await s.db.query(`select count(*) n from positions where source = 'track'`);
    expect(stored.rows[0].n).toBe(found.reduce((sum, { rows: n }) => sum + n, 0));
    expect(stored.rows[0].n).toBeGreaterThan(600);
  });

  test('does not end because the list of devices cannot be had: it waits, and goes on with the last one', async () => {
    const s = await start({
      scenario: { fleet: { devices: 2 } },
      account: { retry: { rate: { baseMs: 50, maxMs: 50, attempts: 2 } } },
    });
    await s.startWorker();
    const to = Math.floor(Date.now() / DAY) * DAY - DAY;
    const input: FleetBackfillInput = {
      dataset: 'gps51/tracks',
      account: s.account,
      from: to - DAY,
      to,
      devices: null,
      chunkHours: null,
      priority: 'background',
    };
    const begin = () =>
      s.client.workflow.start<typeof fleetBackfill>('fleetBackfill', {
        workflowId: uniqueName('backfill'),
        taskQueue: s.settings.temporal.taskQueue,
        args: [input],
      });
    s.simulator.control({ addErrors: [{ code: 8902, action: 'querymonitorlist' }] });
    const early = await begin();
    await eventually('it waits for a list', async () => {
      const { phase, detail } = await early.query(workStatusQuery);
      return phase === 'waiting for quota' && /list of devices cannot be had.*8902/.test(detail);
    });
    await early.terminate();
    s.simulator.control({ clearErrors: true });
    await positions(s);

    s.simulator.control({ addErrors: [{ code: 8902, action: 'querymonitorlist' }] });
    await s.db.query(`update fleet_cursors set updated_at = now() - interval '1 day' where feed = 'devices'`);
    const later = await begin();
    expect(await later.result()).toMatchObject({ chunks: 2, done: 2, failed: 0 });
    expect(await positions(s)).toMatchObject({ outcome: 'done' });
  });

  test('marks a window that the vendor refuses as failed, goes on, and tries it again on an operator’s order', async () => {
    const s = await start({ scenario: { fleet: { devices: 1 } } });
    await s.startWorker();
    s.simulator.control({ addErrors: [{ code: -1, action: 'querytrips', count: 1 }] });
    const to = Math.floor(Date.now() / DAY) * DAY - DAY;
    const input: FleetBackfillInput = {
      dataset: 'gps51/trips',
      account: s.account,
      from: to - 2 * DAY,
      to,
      devices: null,
      chunkHours: null,
      priority: 'background',
    };
    const run = () =>
      s.client.workflow.execute<typeof fleetBackfill>('fleetBackfill', {
        workflowId: uniqueName('backfill'),
        taskQueue: s.settings.temporal.taskQueue,
        args: [input],
      });
    const first = await run();
    expect(first).toMatchObject({ chunks: 2, done: 1, failed: 1 });
    expect(first.problems[0]).toMatch(/invalid: 200 -1/);
    expect(await run()).toMatchObject({ chunks: 1, done: 1, failed: 0 });
    expect(await run()).toMatchObject({ chunks: 0, done: 0, failed: 0 });
  });
});
