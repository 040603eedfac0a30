import {
  lastDeviceList,
  listDevices,
  readCursor,
  storeDevices,
  summarizeFleet,
} from '../../../../store/fleet/fleet';
import {
  at,
  DAY_START,
  device,
  fleetTables,
  HOUR,
  NOW,
  position,
} from '../../../support/stacks/fleet-tables';

const { state, live } = fleetTables();

describe('the device list', () => {
  test('holds what the vendor lists; what is gone is marked, and counts as new when it is back', async () => {
    expect(await lastDeviceList(state.db, state.account)).toBeNull();
    expect(await storeDevices(state.db, state.account, [device('a'), device('b')], NOW)).toBe(2);
    await live([], null, 'c1', ['a', 'b']);
    expect(await storeDevices(state.db, state.account, [device('b'), device('c')], NOW + 1)).toBe(1);
    expect((await listDevices(state.db, state.account)).map((d) => [d.deviceId, d.snapshotAt])).toEqual([
      ['b', NOW],
      ['c', null],
    ]);
    expect(await storeDevices(state.db, state.account, [device('a')], NOW + 2)).toBe(1);
    expect((await listDevices(state.db, state.account)).map((d) => [d.deviceId, d.snapshotAt])).toEqual([
      ['a', null],
    ]);
    expect(await lastDeviceList(state.db, state.account)).toEqual({ at: NOW + 2, devices: 1 });
    const { rows } = await state.db.query(
      'select name, sim, device_group, last_active_at, expires_at from devices where account = $1 and device_id = $2',
      [state.account, 'a'],
    );
    const known = {
      name: 'Van a',
      sim: '',
      device_group: 'North',
      last_active_at: null,
      expires_at: at(999),
    };
    expect(rows).toEqual([known]);
  });

  test('that is empty all at once is believed the second time', async () => {
    const listed = async () => (await listDevices(state.db, state.account)).map((d) => d.deviceId);
    await storeDevices(state.db, state.account, [device('a'), device('b')], NOW);
    await storeDevices(state.db, state.account, [], NOW + 1);
    expect(await listed()).toEqual(['a', 'b']);
    expect(await lastDeviceList(state.db, state.account)).toEqual({ at: NOW + 1, devices: 0 });
    await storeDevices(state.db, state.account, [device('b')], NOW + 2);
    expect(await listed()).toEqual(['b']);
    await storeDevices(state.db, state.account, [], NOW + 3);
    await storeDevices(state.db, state.account, [], NOW + 4);
    expect(await listed()).toEqual([]);
  });

  test('is each account’s own', async () => {
    await storeDevices(state.db, state.account, [device('a')], NOW);
    await storeDevices(state.db, `${state.account}-other`, [device('b')], NOW);
    expect((await listDevices(state.db, state.account)).map((d) => d.deviceId)).toEqual(['a']);
  });
});

describe('live positions', () => {
  beforeEach(() => storeDevices(state.db, state.account, [device('a'), device('b')], NOW));

  const latest = async () =>
    (
      await state.db.query<{ device_id: string; at: number; speed: number; source: string }>(
        'select device_id, at, speed, source from latest_positions where account = $1 order by device_id',
        [state.account],
      )
    ).rows;

  test('are stored together with the cursor', async () => {
    await live([position('a', 1), position('b', 2, { moving: true })], null, 'c1');
    expect(await readCursor(state.db, state.account)).toBe('c1');
    expect(await summarizeFleet(state.db, state.account)).toMatchObject({
      devices: 2,
      located: 2,
      oldest: at(1),
      newest: at(2),
    });
    const bad = position('a', 3, { latitude: Number.NaN });
    await expect(live([bad], 'c1', 'c2')).rejects.toThrow(/null value/);
    expect(await readCursor(state.db, state.account)).toBe('c1');
  });

  test('an older one never takes the place of the latest', async () => {
    await live([position('a', 5, { speed: 50 })], null, 'c1');
    await live([position('a', 4, { speed: 40 })], 'c1', 'c2');
    expect(await latest()).toEqual([{ device_id: 'a', at: at(5), speed: 50, source: 'live' }]);
    const { rows } = await state.db.query('select count(*) n from positions where account = $1', [
      state.account,
    ]);
    expect(rows[0].n).toBe(2);
  });

  test('of a clock that once ran far ahead are not the latest', async () => {
    const ahead = (Date.now() - DAY_START) / HOUR + 500;
    await live([position('a', ahead), position('a', 3), position('b', ahead)], null, 'c1');
    expect((await latest()).map((p) => [p.device_id, p.at])).toEqual([
      ['a', at(3)],
      ['b', expect.any(Number)],
    ]);
  });

  test('of an instant that is known are written only when they bring something new', async () => {
    expect(await live([position('a', 1, { odometer: 7 })], null, 'c1')).toBe(1);
    expect(await live([position('a', 1)], 'c1', 'c2')).toBe(0);
    expect(await live([position('a', 1, { speed: 9 })], 'c2', 'c3')).toBe(1);
    const { rows } = await state.db.query('select speed, odometer from positions where account = $1', [
      state.account,
    ]);
    expect(rows).toEqual([{ speed: 9, odometer: 7 }]);
  });

  test('a cursor that another reader has moved on is left alone, and its positions are kept', async () => {
    await live([], null, 'c1');
    await live([], 'c1', 'c2');
    await live([position('a', 1)], 'c1', 'c1b');
    expect(await readCursor(state.db, state.account)).toBe('c2');
    expect(await latest()).toHaveLength(1);
  });

  test('show when a device was last under way, but not by a clock that is ahead', async () => {
    await live(
      [position('a', 2, { moving: true }), position('a', 9), position('b', 999, { moving: true })],
      null,
      'c',
    );
    const moved = (await listDevices(state.db, state.account)).map((d) => d.movedAt);
    expect(moved).toEqual([at(2), NOW]);
  });

  test('show by the odometer that a device was under way that did not report meanwhile', async () => {
    await live([position('a', 1, { odometer: 100 }), position('b', 1, { odometer: 100 })], null, 'c1');
    await live([position('a', 3, { odometer: 900 }), position('b', 3, { odometer: 100 })], 'c1', 'c2');
    expect((await listDevices(state.db, state.account)).map((d) => d.movedAt)).toEqual([at(3), null]);
  });
});
