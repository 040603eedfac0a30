/** What a day holds is scarce: a permit that was given too late to be used must not take a call of it away. */
import type { Pool } from 'pg';
import { PermitGate } from '../../../../../activities/gateway/permits/gate';
import type { LimitTemplate, LimitWindow } from '../../../../../quota/limits/limit';
import { listLimits, registerLimits, returnUnused, takePermits } from '../../../../../store/permits/permits';
import { STEADY_ZONE } from '../../../../support/stacks/due-hours';
import { uniqueName } from '../../../../support/stacks/embedded';
import { ownDatabase } from '../../../../support/stacks/own-database';

let db: Pool;

ownDatabase({ max: 10 }, (made) => {
  db = made;
});

async function newLimits(...windows: readonly LimitWindow[]) {
  const pool = uniqueName('unused');
  const limits = windows.map((window) => {
    const name = window.kind;
    const base = { operations: '*', scope: '', unit: 'calls', mode: 'enforce', source: 'test' } as const;
    return { key: `${pool}/${name}`, template: { ...base, name, window } satisfies LimitTemplate };
  });
  await registerLimits(db, pool, limits);
  return { pool, charges: limits.map(({ key }) => ({ key, units: 1 })) };
}
const used = async (pool: string) => (await listLimits(db, pool)).map((limit) => [limit.name, limit.used]);

const DAY: LimitWindow = { kind: 'calendar', count: 1000, per: 'day', zone: STEADY_ZONE };

test('a process that stalls and misses departures spends no more of the day than it has sent', async () => {
  const { pool, charges } = await newLimits(DAY, { kind: 'spacing', ms: 4 });
  const gate = new PermitGate(db, { leadMs: 40 });
  // Four at a time, while the process is busy with something else again and again.
  const stall = setInterval(() => {
    const until = performance.now() + 25;
    while (performance.now() < until);
  }, 40);
  let sent = 0;
  const caller = async () => {
    for (let i = 0; i < 15; i++) {
      const permit = await gate.acquire(
        { pool: null, priority: 'live', charges },
        { inlineWaitMs: 60_000, slackMs: 1 },
      );
      if (permit.granted) sent++;
    }
  };
  await Promise.all([caller(), caller(), caller(), caller()]);
  clearInterval(stall);
  expect(sent).toBe(60);
  expect((await used(pool))[0]).toEqual(['calendar', 60]);
});

test('of what counts, a permit that was not used is given back, and once only', async () => {
  const rolling: LimitWindow = { kind: 'rolling', count: 3, ms: 3_600_000 };
  const { pool, charges } = await newLimits(DAY, rolling, {
    kind: 'token-bucket',
    ratePerSecond: 0.001,
    burst: 3,
  });
  const take = async () => (await takePermits(db, [{ pool: null, priority: 'live', charges }], 0))[0];
  const first = await take();
  const second = await take();
  if (!first?.granted || !second?.granted) throw new Error('no permit');
  await returnUnused(db, charges, second.departAt);
  await returnUnused(
    db,
    charges.filter(({ key }) => key.endsWith('rolling')),
    second.departAt,
  );
  expect(await used(pool)).toEqual([
    ['calendar', 1],
    ['rolling', 1],
    ['token-bucket', expect.closeTo(2, 1)],
  ]);
});

test('a process that stalls spends no more of any hour than it has sent, and the others get all the rest', async () => {
  const [COUNT, MS] = [40, 3_600_000];
  const { pool, charges } = await newLimits(
    { kind: 'rolling', count: COUNT, ms: MS },
    { kind: 'spacing', ms: 4 },
  );
  const stalling = new PermitGate(db, { leadMs: 40 });
  const other = new PermitGate(db, { leadMs: 40 });
  const stall = setInterval(() => {
    const until = performance.now() + 25;
    while (performance.now() < until);
  }, 40);
  let sent = 0;
  const caller = async (gate: PermitGate) => {
    for (;;) {
      const permit = await gate.acquire(
        { pool: null, priority: 'live', charges },
        { inlineWaitMs: 60_000, slackMs: 1 },
      );
      if (!permit.granted) return;
      sent++;
    }
  };
  await Promise.all([stalling, stalling, stalling, other].map(caller));
  clearInterval(stall);
  expect(sent).toBe(COUNT);
  expect((await used(pool))[0]).toEqual(['rolling', COUNT]);
});

test('a caller who is cancelled before the departure spends nothing that counts', async () => {
  const rolling: LimitWindow = { kind: 'rolling', count: 3, ms: 3_600_000 };
  const { pool, charges } = await newLimits(DAY, rolling);
  const gate = new PermitGate(db, { leadMs: 40 });
  const gone = new AbortController();
  const acquired = gate.acquire(
    { pool: null, priority: 'live', charges },
    {
      ...{ inlineWaitMs: 1000, slackMs: 1, signal: gone.signal },
      // The permit is granted, and its departure has not come.
      prepare: async () => {
        gone.abort(new Error('has gone'));
        return async () => undefined;
      },
    },
  );
  await expect(acquired).rejects.toThrow('has gone');
  expect(await used(pool)).toEqual([
    ['calendar', 0],
    ['rolling', 0],
  ]);
});

test('what has to be done before the call leaves is taken back when it does not leave after all, and costs nothing of a day', async () => {
  const { pool, charges } = await newLimits(DAY);
  const gate = new PermitGate(db, { leadMs: 40 });
  const [request, wait] = [
    { pool: null, priority: 'background', charges } as const,
    { inlineWaitMs: 10_000, slackMs: 4 },
  ];
  const refused = new Error('not to be sent');
  const prepare = async () => {
    throw refused;
  };
  await expect(gate.acquire(request, { ...wait, prepare })).rejects.toBe(refused);
  expect(await used(pool)).toEqual([['calendar', 0]]);
  const stop = new AbortController();
  let takenBack = 0;
  const asked = gate.acquire(request, {
    ...wait,
    signal: stop.signal,
    prepare: async () => {
      stop.abort(new Error('stopped'));
      return async () => {
        takenBack++;
      };
    },
  });
  await expect(asked).rejects.toThrow('stopped');
  expect(takenBack).toBe(1);
});
