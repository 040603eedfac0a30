import { readCursor } from '../../../../store/fleet/fleet';
import { coverageByDevice } from '../../../../store/fleet/ledger';
import { readPool } from '../../../../store/pools/pools';
import type { fleetBackfill } from '../../../../workflows/fleet/fleet-backfill';
import { pauseSignal, poolWorkflowId, resumeSignal, workStatusQuery } from '../../../../workflows/messages';
import { callsSeen } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import { uniqueName } from '../../../support/stacks/embedded';
import { fleetStacks, positions, tick, trips } from '../../../support/stacks/fleet-stacks';
import type { Gps51Stack } from '../../../support/stacks/gps51-stack';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const start = fleetStacks();

/** Polls of positions: how many devices were requested, and since which cursor. */
async function checks(s: Gps51Stack): Promise<{ asked: number; since: number }[]> {
  return (await callsSeen(s.simulator.url))
    .filter(({ operation }) => operation === 'lastposition')
    .map(({ requestDetail }) => ({
      asked: Number(requestDetail.deviceids),
      since: Number(requestDetail.lastquerypositiontime),
    }));
}

describe('live positions', () => {
  test('one call for the whole fleet, on from its cursor, which outlives the worker', async () => {
    const s = await start();
    const worker = await s.startWorker();
    expect(await positions(s)).toMatchObject({
      outcome: 'done',
      counts: { devices: 6, newDevices: 6, positions: 6, calls: 2 },
    });
    const cursor = await readCursor(s.db, s.account);
    await worker.stop();
    await s.startWorker();
    expect(await positions(s)).toMatchObject({ outcome: 'done', counts: { calls: 1 } });
    expect(await checks(s)).toEqual([
      { asked: 6, since: 0 },
      { asked: 6, since: Number(cursor) },
    ]);
    const truth = (await (await fetch(`${s.simulator.url}/_sim/positions`)).json()) as { deviceid: string }[];
    const { rows } = await s.db.query('select device_id from latest_positions order by device_id');
    expect(rows.map((row) => row.device_id)).toEqual(truth.map(({ deviceid }) => deviceid).sort());
    // 1440 + 5 × devices, as soon as they are known.
    const { rows: limits } = await s.db.query(`select capacity from limits where name = 'account-per-day'`);
    expect(limits).toEqual([{ capacity: 1470 }]);
  });

  test('a cursor that is lost or refused costs one snapshot, a new device one call for it alone', async () => {
    const s = await start();
    await s.startWorker();
    await positions(s);
    await s.db.query(`delete from fleet_cursors where feed = 'positions'`);
    expect((await positions(s)).detail).toMatch(/snapshot of all/);
    s.simulator.control({ addErrors: [{ code: -1, action: 'lastposition', count: 1 }] });
    expect((await positions(s)).detail).toMatch(/snapshot of all/);
    await s.db.query(
      `update fleet_devices set snapshot_at = null where device_id = (select min(device_id) from fleet_devices)`,
    );
    expect((await positions(s)).detail).toMatch(/in 2 calls, snapshot of new devices/);
    expect((await positions(s)).detail).not.toMatch(/snapshot/);
    const kinds = (await checks(s)).map(({ asked, since }) => `${asked} ${since === 0 ? 'all' : 'changed'}`);
    expect(kinds).toEqual(['6 all', '6 all', '6 changed', '6 all', '1 all', '6 changed', '6 changed']);
  });

  test('a new device that cannot be read holds up no other, and is not requested with every poll', async () => {
    const s = await start();
    await s.startWorker();
    await positions(s);
    await s.db.query(
      `update fleet_devices set snapshot_at = null where device_id = (select min(device_id) from fleet_devices)`,
    );
    s.simulator.control({ addErrors: [{ code: -1, action: 'lastposition', count: 1 }] });
    expect(await positions(s)).toMatchObject({ outcome: 'done', counts: { calls: 2 } });
    expect(await positions(s)).toMatchObject({ outcome: 'done', counts: { calls: 1 } });
    const kinds = (await checks(s)).map(({ asked, since }) => `${asked} ${since === 0 ? 'all' : 'changed'}`);
    expect(kinds).toEqual(['6 all', '1 all', '6 changed', '6 changed']);
  });

  test('a run ends politely while the pool is paused, and says until when', async () => {
    const s = await start();
    await s.startWorker();
    await positions(s);
    const pool = s.client.workflow.getHandle(poolWorkflowId(s.pool));
    await pool.signal(pauseSignal, 'inventory count');
    await eventually('held', async () => (await readPool(s.db, s.pool))?.state.state === 'held');
    expect(await positions(s)).toEqual({
      outcome: 'skipped',
      detail: 'pool closed until an operator resumes it: paused by operator: inventory count',
      counts: {},
    });
    expect(await trips(s)).toMatchObject({ outcome: 'skipped' });
    expect(await checks(s)).toHaveLength(1);
    await pool.signal(resumeSignal);
    await eventually('open', async () => (await readPool(s.db, s.pool))?.state.state === 'closed');
    expect(await positions(s)).toMatchObject({ outcome: 'done' });
  });

  test('a limit that has something left before the next run is waited for, one that has not is not', async () => {
    const s = await start({
      account: {
        limits: { spacing: { ms: 5 }, 'per-second': { count: 100 }, 'ip-per-minute': { count: 4, ms: 8000 } },
      },
      scenario: { limits: { 'ip-per-minute': { count: 4, ms: 8000 } } },
      settings: { permits: { inlineWaitMs: 100 } },
    });
    await s.startWorker();
    await positions(s);
    await positions(s);
    const began = Date.now();
    expect(await positions(s)).toMatchObject({ outcome: 'done' });
    expect(Date.now() - began).toBeGreaterThan(2000);
    await positions(s);
    await positions(s);
    await positions(s);
    const late = await tick(s, 'positionsTick', 500);
    expect(late).toMatchObject({ outcome: 'skipped', detail: expect.stringMatching(/ip-per-minute.*until/) });
  });
});

describe('what the vendor refuses', () => {
  const events = async (s: Gps51Stack, kind: string) =>
    (await s.db.query('select data from events where kind = $1 order by at', [kind])).rows.map(
      ({ data }) => data,
    );
  const count = async (s: Gps51Stack, operation: string) =>
    (await callsSeen(s.simulator.url)).filter((call) => call.operation === operation).length;

  test('8903, 8904 and 8906 hold the account at once, with the evidence, until an operator resumes it', async () => {
    const s = await start();
    await s.startWorker();
    await positions(s);
    const pool = s.client.workflow.getHandle(poolWorkflowId(s.pool));
    for (const code of [8903, 8904, 8906]) {
      const before = await count(s, 'lastposition');
      s.simulator.control({
        addErrors: [{ code, action: 'lastposition', count: 1, cause: `words of ${code}` }],
      });
      const refused = await positions(s);
      expect(refused).toMatchObject({ outcome: 'skipped' });
      expect(refused.detail).toMatch(
        new RegExp(
          `until an operator resumes it: .* then resume: 200 ${code} "words of ${code}" \\(lastposition\\)`,
        ),
      );
      expect(await trips(s)).toMatchObject({
        outcome: 'skipped',
        detail: expect.stringContaining(String(code)),
      });
      expect((await readPool(s.db, s.pool))?.state).toMatchObject({
        state: 'held',
        until: null,
        evidence: { code: String(code), operation: 'lastposition' },
      });
      expect(await count(s, 'lastposition')).toBe(before + 1);
      await pool.signal(resumeSignal);
      await eventually('probing', async () => (await readPool(s.db, s.pool))?.state.state === 'half_open');
      expect(await positions(s)).toMatchObject({ outcome: 'done' });
      expect((await readPool(s.db, s.pool))?.state.state).toBe('closed');
    }
  });

  test('9904, and 9903 that returns after a fresh login, are too fast: everybody waits, and one login is made', async () => {
    const s = await start();
    await s.startWorker();
    await positions(s);
    s.simulator.control({ addErrors: [{ code: 9904, action: 'lastposition', count: 1 }] });
    expect(await positions(s)).toMatchObject({ outcome: 'done' });
    expect(await count(s, 'login')).toBe(1);
    s.simulator.control({ addErrors: [{ code: 9903, action: 'lastposition', count: 3 }] });
    expect(await positions(s)).toMatchObject({ outcome: 'done' });
    expect(await count(s, 'login')).toBe(2);
    const refused = (await events(s, 'limit.refused')).map(({ code, caller, strikes }) => [
      code,
      caller,
      strikes,
    ]);
    expect(refused).toEqual([
      ['9904', 'gps-data', 1],
      ['9903', 'gps-data', 1],
      ['9903', 'gps-data', 2],
    ]);
    expect((await readPool(s.db, s.pool))?.state.state).toBe('closed');
  });

  test('8905 of devices that somebody else has used up stops these devices alone', async () => {
    // The vendor has one trajectory call a device left, of five as we know.
    const s = await start({
      scenario: { fleet: { devices: 3 }, rules: { trajectoryPerDay: 1, trajectoryShared: true } },
    });
    await s.startWorker();
    await positions(s);
    expect(await trips(s)).toMatchObject({ outcome: 'done', counts: { asked: 3 } });
    const { rows } = await s.db.query('select device_id from fleet_devices order by 1');
    const to = Math.floor(Date.now() / DAY) * DAY - DAY;
    for (const { device_id: device } of rows) {
      const handle = await s.client.workflow.start<typeof fleetBackfill>('fleetBackfill', {
        workflowId: uniqueName('backfill'),
        taskQueue: s.settings.temporal.taskQueue,
        args: [
          {
            dataset: 'gps51/tracks',
            account: s.account,
            from: to - DAY,
            to,
            devices: [device],
            chunkHours: null,
            priority: 'background',
          },
        ],
      });
      await eventually('it waits for the device’s next day', async () => {
        const { phase, detail } = await handle.query(workStatusQuery);
        return phase === 'waiting for quota' && /calls of 1 device/.test(detail);
      });
      // The account’s other calls go on, which says that the account is not what is used up.
      expect(await positions(s)).toMatchObject({ outcome: 'done' });
      await handle.terminate();
    }
    expect(await count(s, 'querytracks')).toBe(3);
    expect(await events(s, 'limit.spent')).toHaveLength(3);
    expect((await readPool(s.db, s.pool))?.state.state).toBe('closed');
  });
});

describe('trips', () => {
  const WIDE = { count: 100_000 };

  test('restated trips and trips that come late are there exactly once', async () => {
    const s = await start({
      scenario: {
        fleet: { devices: 4, lateShare: 0.5, lateMinutes: 60 },
        rules: { trajectoryPerDay: 1000 },
        shiftMs: -2 * HOUR,
      },
      account: {
        limits: {
          spacing: { ms: 5 },
          'per-second': { count: 100 },
          'ip-per-minute': { count: 500 },
          'device-trajectory-per-day': WIDE,
        },
      },
    });
    await s.startWorker();
    await positions(s);
    const began = Date.now();
    const known = async () => {
      const query = `from=${began - 22 * HOUR}&to=${Date.now()}`;
      const answer = await fetch(`${s.simulator.url}/_sim/known-trips?${query}`);
      const all = (await answer.json()) as {
        deviceid: string;
        starttime: number;
        endtime: number;
        tripdistance: number;
      }[];
      return all.map((t) => [t.deviceid, t.starttime, t.endtime, t.tripdistance]).sort(compare);
    };
    const stored = async () => {
      const { rows } = await s.db.query(
        'select device_id, start_time, end_time, distance from trips where end_time >= to_timestamp($1::float8 / 1000)',
        [began - 22 * HOUR],
      );
      return rows.map((t) => [t.device_id, t.start_time, t.end_time, t.distance]).sort(compare);
    };
    const seen: unknown[] = [];
    let lastRoundAt = 0;
    for (const hoursBehind of [2, 1.3, 0.6, 0]) {
      lastRoundAt = Date.now();
      s.simulator.control({ shiftMs: -hoursBehind * HOUR });
      // As positions would show: under way the whole time.
      await s.db.query('update fleet_devices set moved_at = now()');
      // In one round or in several: on a busy machine they are due at different times.
      const before = (await callsSeen(s.simulator.url)).length;
      const round = await eventually('every device has had its turn', async () => {
        const result = await trips(s);
        const calls = (await callsSeen(s.simulator.url)).slice(before);
        const asked = calls.filter(({ operation, status }) => operation === 'querytrips' && status === 200);
        const devices = new Set(asked.map(({ requestDetail }) => requestDetail.deviceid));
        return devices.size === 4 && result.counts.left === 0 ? result : null;
      });
      expect(round).toMatchObject({ outcome: 'done', counts: { failed: 0, left: 0 } });
      const rows = await stored();
      seen.push(rows.length);
      expect(new Set(rows.map(([device, at]) => `${device} ${at}`)).size).toBe(rows.length);
    }
    // A trip that was under way in the last round has gone on since.
    const all = await known();
    const underWay = all
      .filter(([, , end]) => Number(end) >= lastRoundAt)
      .map(([device, from]) => `${device} ${from}`);
    const ended = (rows: typeof all) =>
      rows.filter(([device, from]) => !underWay.includes(`${device} ${from}`));
    expect(ended(await stored())).toEqual(ended(all));
    // Some were reported late or in part at first, or this would show nothing.
    expect(new Set(seen).size).toBeGreaterThan(1);
    const ids = [...new Set((await stored()).map(([id]) => String(id)))];
    const found = await coverageByDevice(
      s.db,
      'gps51/trips',
      s.account,
      ids,
      { from: began - 20 * HOUR, to: began - 2 * HOUR },
      Date.now(),
    );
    expect(found.map(({ gaps }) => gaps)).toEqual(ids.map(() => []));
  });

  test('a device that stands still is requested once, and a moving one again only after its share of the day', async () => {
    const s = await start();
    await s.startWorker();
    await positions(s);
    expect(await trips(s)).toMatchObject({ counts: { asked: 6 } });
    expect(await trips(s)).toMatchObject({ outcome: 'done', counts: { asked: 0 } });
    const asked = (await callsSeen(s.simulator.url)).filter(({ operation }) => operation === 'querytrips');
    expect(asked).toHaveLength(6);
  });
});

const compare = (a: readonly unknown[], b: readonly unknown[]) => (String(a) < String(b) ? -1 : 1);

describe('a platform with ways of its own', () => {
  const rename = { tripdistance: 'distance', averagespeed: 'avgspeed', slat: 'startlat', elon: 'endlon' };

  test('trips under other names are stored, and an expired token under another status costs one login', async () => {
    const s = await start({
      scenario: { trips: { list: 'records', rename }, tokens: { lifetimeSeconds: 3600, expiredStatus: 1 } },
    });
    await s.startWorker();
    await positions(s);
    s.simulator.control({ expireTokens: true });
    expect(await trips(s)).toMatchObject({ outcome: 'done', counts: { failed: 0 } });
    // A trip that has just begun may not have gone anywhere yet.
    const { rows } = await s.db.query(
      "select count(*)::int as n, min(distance) as least from trips where end_time < now() - interval '30 minutes'",
    );
    expect(rows[0].n).toBeGreaterThan(0);
    expect(Number(rows[0].least)).toBeGreaterThan(0);
    const logins = (await callsSeen(s.simulator.url)).filter(({ operation }) => operation === 'login');
    expect(logins).toHaveLength(2);
  });

  test('a device that is refused for ever is reported as the only one, and costs one call a round', async () => {
    const s = await start();
    const probe = await s.startWorker();
    await positions(s);
    const { rows } = await s.db.query('select min(device_id) as id from fleet_devices');
    await probe.stop();
    const { id } = rows[0] as { id: string };
    s.simulator.control({ refusedDevices: { [id]: 9904 } });
    await s.startWorker();
    const first = await trips(s);
    expect(JSON.stringify(first)).toContain('of this device alone');
    expect(first).toMatchObject({ counts: { failed: 1 } });
  });
});
