/** How the callers of a process get their permits: in order of importance, in line, and never for longer than they wait. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { type HeldPermit, PermitGate } from '../../../../../activities/gateway/permits/gate';
import type { LimitTemplate, LimitWindow, Priority, Reserve } from '../../../../../quota/limits/limit';
import { registerLimits, takePermits } from '../../../../../store/permits/permits';
import { applyPoolEvent, readPool, registerPool } from '../../../../../store/pools/pools';
import { eventually } from '../../../../support/eventually';
import { undisturbed } from '../../../../support/run/undisturbed';
import { uniqueName } from '../../../../support/stacks/embedded';
import { ownDatabase } from '../../../../support/stacks/own-database';

const LEAD_MS = 40;

let db: Pool;

ownDatabase({ max: 10 }, (made) => {
  db = made;
});

async function newLimit(window: LimitWindow, reserve: Reserve = {}) {
  const key = uniqueName('gate');
  const template: LimitTemplate = {
    name: 'l',
    operations: '*',
    scope: '',
    unit: 'calls',
    window,
    mode: 'enforce',
    reserve,
    source: 'test',
  };
  await registerLimits(db, 'gate', [{ key, template }]);
  return [{ key, units: 1 }];
}

const requestOf = (charges: { key: string; units: number }[], priority: Priority = 'background') => ({
  pool: null,
  priority,
  charges,
});

/** 64 background callers at four gates, as in four processes, until `stop` aborts. Returns their departures. */
function saturate(charges: { key: string; units: number }[], stop: AbortSignal) {
  const departures: number[] = [];
  const caller = async (gate: PermitGate) => {
    while (!stop.aborted) {
      const permit = await gate
        .acquire(requestOf(charges), { inlineWaitMs: 60_000, slackMs: 100, signal: stop })
        .catch(() => null);
      if (permit?.granted) departures.push(permit.departAt);
    }
  };
  const running = Array.from({ length: 4 }, () => new PermitGate(db, { leadMs: LEAD_MS })).flatMap((gate) =>
    Array.from({ length: 16 }, () => caller(gate)),
  );
  return { departures, ended: Promise.all(running) };
}

describe('an interactive caller among 64 in the background', () => {
  /** Asks ten times; for each, the background departures between its asking and its own. */
  async function overtaken(window: LimitWindow, reserve: Reserve) {
    const charges = await newLimit(window, reserve);
    const stop = new AbortController();
    const background = saturate(charges, stop.signal);
    const gate = new PermitGate(db, { leadMs: LEAD_MS });
    const mine: { askedAt: number; departAt: number }[] = [];
    try {
      while (background.departures.length < 8) await new Promise((resolve) => setTimeout(resolve, 20));
      for (let i = 0; i < 10; i++) {
        const { rows } = await db.query<{ now: number }>('select now_ms() as now');
        const askedAt = rows[0]?.now ?? 0;
        const permit = await gate.acquire(requestOf(charges, 'interactive'), {
          inlineWaitMs: 10_000,
          slackMs: 100,
        });
        if (!permit.granted) throw new Error(`denied by ${permit.deniedBy}`);
        mine.push({ askedAt, departAt: permit.departAt });
        const seen = background.departures.length;
        // The background must not starve either: it goes on between two of these.
        while (background.departures.length < seen + 2)
          await new Promise((resolve) => setTimeout(resolve, 7));
      }
    } finally {
      stop.abort(new Error('the test is over'));
      await background.ended;
    }
    return mine.map(({ askedAt, departAt }) => ({
      waitedMs: departAt - askedAt,
      before: background.departures.filter((at) => at > askedAt && at < departAt).length,
    }));
  }

  test('gets the next slot that is not given away yet', async () => {
    // One slot may have been given before it asked, for permits are given up to the lead ahead. A process that stalls
    // between the look at the clock and the question sees more: not often.
    const passed = await undisturbed(
      async () => (await overtaken({ kind: 'spacing', ms: 100 }, {})).filter((w) => w.before > 1).length,
      (count) => count <= 2,
    );
    expect(passed).toBeLessThanOrEqual(2);
  });

  test('gets its permit at once where the background leaves a reserve', async () => {
    const window = { kind: 'token-bucket', ratePerSecond: 10, burst: 8 } as const;
    const { medianMs, passed } = await undisturbed(
      async () => {
        const waits = await overtaken(window, { background: 0.5 });
        const sorted = waits.map((w) => w.waitedMs).sort((a, b) => a - b);
        return {
          medianMs: sorted[5] ?? Number.POSITIVE_INFINITY,
          passed: waits.filter((w) => w.before > 1).length,
        };
      },
      (seen) => seen.medianMs < LEAD_MS + 40 && seen.passed <= 2,
    );
    expect(medianMs).toBeLessThan(LEAD_MS + 40);
    expect(passed).toBeLessThanOrEqual(2);
  });
});

describe('a process that is late again and again', () => {
  /** Each turn of the event loop takes this long while `work` is under way, ms. */
  async function held<T>(turnMs: number, work: () => Promise<T>): Promise<T> {
    let over = false;
    const block = () => {
      const end = performance.now() + turnMs;
      while (performance.now() < end);
      if (!over) setImmediate(block);
    };
    setImmediate(block);
    return work().finally(() => {
      over = true;
    });
  }

  test.each<Priority>(['interactive', 'background'])(
    'moves a permit (%s) to a span that it can keep, and the next keeps its distance from there',
    async (priority) => {
      const charges = await newLimit({ kind: 'spacing', ms: 100 });
      const gate = new PermitGate(db, { leadMs: LEAD_MS });
      const took = async () => {
        const permit = await gate.acquire(requestOf(charges, priority), { inlineWaitMs: 60_000, slackMs: 5 });
        return { permit, at: gate.clock.now() };
      };
      await took();
      const inTurn = async () => {
        const asked = jest.spyOn(db, 'query');
        const departures = await held(60, async () => [await took(), await took()]);
        const [first, second] = departures.map(({ permit, at }) => {
          if (!permit.granted) throw new Error(`denied by ${permit.deniedBy}`);
          // However late in its span it is booked, it left when it was let go.
          expect(permit.leftAt).toBeLessThanOrEqual(Math.min(permit.departAt, at));
          return { at, bookedAt: permit.departAt, lateMs: at - permit.departAt };
        });
        if (first === undefined || second === undefined) throw new Error('two were asked for');
        expect(second.at - first.bookedAt).toBeGreaterThanOrEqual(100);
        const moves = asked.mock.calls.filter(([text]) => String(text).includes('restamp_permit')).length;
        asked.mockRestore();
        return { lateMs: Math.max(first.lateMs, second.lateMs), moves };
      };
      const { lateMs, moves } = await undisturbed(inTurn, (seen) => seen.lateMs <= 5 && seen.moves <= 8);
      // Booked at the end of its span, or where it was due.
      expect(lateMs).toBeLessThanOrEqual(5);
      // Not by chance, after as many moves as it takes until one is met.
      expect(moves).toBeGreaterThan(0);
      expect(moves).toBeLessThanOrEqual(8);
    },
    60_000,
  );
});

describe('a call that is held up between its permit and the wire', () => {
  async function nextAfter(underWay: (permit: HeldPermit) => Promise<void>): Promise<number> {
    const charges = await newLimit({ kind: 'spacing', ms: 400 });
    const gate = new PermitGate(db, { leadMs: LEAD_MS });
    const ask = () => gate.acquire(requestOf(charges), { inlineWaitMs: 10_000, slackMs: 5 });
    const first = await ask();
    if (!first.granted) throw new Error('a fresh limit grants');
    await underWay(first);
    const next = await ask();
    return next.granted ? next.departAt - first.departAt : Number.NaN;
  }

  test('is booked where it left, so that the next keeps its distance from there', async () => {
    const distance = await nextAfter(async (permit) => {
      await delay(150);
      permit.sent();
      await permit.answered();
    });
    // From its permit it would be 400. What a busy process takes to be the database's time may be far off.
    expect(distance).toBeGreaterThan(475);
  });

  test('and once more where it arrived, when its answer says so', async () => {
    const distance = await nextAfter(async (permit) => {
      await delay(100);
      permit.sent();
      // The first answers of a process: what is usual is not known yet.
      await delay(100);
      await permit.answered();
    });
    // From where it left it would be 500.
    expect(distance).toBeGreaterThan(550);
  });
});

describe('waiting', () => {
  test('a denial comes back when the permit is not due within the inline wait, for all who stand in line', async () => {
    const charges = await newLimit({ kind: 'rolling', count: 3, ms: 60_000 });
    const gate = new PermitGate(db, { leadMs: LEAD_MS });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        gate.acquire(requestOf(charges), { inlineWaitMs: 2000, slackMs: 100 }),
      ),
    );
    expect(answers.filter((a) => a.granted)).toHaveLength(3);
    for (const a of answers) {
      if (!a.granted) expect(a).toMatchObject({ deniedBy: charges[0]?.key, retryAt: expect.any(Number) });
    }
  });

  test('so it does for those who come to a process that does not know the clock yet, more than ask at once', async () => {
    const charges = await newLimit({ kind: 'rolling', count: 3, ms: 600_000 });
    const first = new PermitGate(db, { leadMs: LEAD_MS });
    const terms = { inlineWaitMs: 50, slackMs: 100 };
    for (let i = 0; i < 3; i++) await first.acquire(requestOf(charges), terms);
    const fresh = new PermitGate(db, { leadMs: LEAD_MS });
    const all = Array.from({ length: 200 }, () => fresh.acquire(requestOf(charges), terms));
    expect((await Promise.all(all)).filter(({ granted }) => granted)).toEqual([]);
  });

  test('those in line are served in the order they came', async () => {
    const charges = await newLimit({ kind: 'spacing', ms: 40 });
    const gate = new PermitGate(db, { leadMs: LEAD_MS });
    // So much slack that a stall moves no permit to the end.
    const inLine = async () => {
      const permits = await Promise.all(
        Array.from({ length: 8 }, () =>
          gate.acquire(requestOf(charges), { inlineWaitMs: 10_000, slackMs: 1e6 }),
        ),
      );
      return permits.map((p) => (p.granted ? p.departAt : Number.NaN));
    };
    const sorted = (departures: readonly number[]) => [...departures].sort((a, b) => a - b);
    const departures = await undisturbed(inLine, (all) => String(all) === String(sorted(all)));
    expect(departures).toEqual(sorted(departures));
  });

  test('an abort ends a wait with its reason, and nothing is charged for it', async () => {
    const charges = await newLimit({ kind: 'spacing', ms: 60_000 });
    const gate = new PermitGate(db, { leadMs: LEAD_MS });
    const wait = { inlineWaitMs: 120_000, slackMs: 100 };
    await gate.acquire(requestOf(charges), wait);
    const stop = new AbortController();
    const waiting = gate.acquire(requestOf(charges), { ...wait, signal: stop.signal });
    const reason = new Error('cancelled');
    setTimeout(() => stop.abort(reason), 30);
    await expect(waiting).rejects.toBe(reason);
    await expect(gate.acquire(requestOf(charges), { ...wait, signal: stop.signal })).rejects.toBe(reason);
    const { rows } = await db.query('select granted_calls from limits where key = $1', [charges[0]?.key]);
    expect(rows[0].granted_calls).toBe(1);
  });

  test('a request for a limit that is not there fails alone', async () => {
    const charges = await newLimit({ kind: 'rolling', count: 5, ms: 60_000 });
    const gate = new PermitGate(db, { leadMs: LEAD_MS });
    const wait = { inlineWaitMs: 0, slackMs: 100 };
    const [good, bad] = await Promise.allSettled([
      gate.acquire(requestOf(charges), wait),
      gate.acquire(requestOf([{ key: 'no/such/limit', units: 1 }]), wait),
    ]);
    expect(good).toMatchObject({ status: 'fulfilled', value: { granted: true } });
    expect(bad.status === 'rejected' && bad.reason.message).toContain(
      'limit "no/such/limit" is not registered',
    );
  });
});

/** A pool whose next call is the probe. */
async function probingPool(): Promise<string> {
  const pool = uniqueName('pool');
  await registerPool(db, pool, {
    unknownQuotaMs: 1000,
    unknownQuotaFactor: 1,
    unknownQuotaMaxMs: 1000,
    absurdWaitMs: 1e9,
    breakerFailures: 5,
    breakerOpenMs: 1000,
    probeTimeoutMs: 60_000,
    hintAfterStrikes: 3,
    hint: '',
  });
  await applyPoolEvent(db, pool, {
    type: 'quota',
    epoch: 1,
    statedWaitMs: 60_000,
    reason: 'quota',
    evidence: { vendor: 'v', account: 'a', operation: 'o' },
    jitter: 0,
  });
  await applyPoolEvent(db, pool, { type: 'resume' });
  return pool;
}

const probeUntil = async (pool: string) =>
  (await db.query<{ probe_until: number }>('select probe_until from pools where key = $1', [pool])).rows[0]
    ?.probe_until ?? 0;

test('a probe that is aborted before it leaves makes room for the next', async () => {
  const pool = await probingPool();
  // Due only 5 s from now, so that there is time to abort between the grant and the departure.
  const charges = await newLimit({ kind: 'spacing', ms: 5000 });
  await takePermits(db, [requestOf(charges)], 0);
  const gate = new PermitGate(db, { leadMs: 6000 });
  const stop = new AbortController();
  const probing = gate.acquire(
    { pool, priority: 'background', charges },
    { inlineWaitMs: 10_000, slackMs: 100, signal: stop.signal },
  );
  while ((await probeUntil(pool)) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort(new Error('cancelled'));
  await expect(probing).rejects.toThrow('cancelled');
  expect(await probeUntil(pool)).toBe(0);
  expect((await readPool(db, pool))?.state.state).toBe('half_open');
});

test('so does one that is aborted while the database grants it', async () => {
  const pool = await probingPool();
  const charges = await newLimit({ kind: 'spacing', ms: 10 });
  const gate = new PermitGate(db, { leadMs: 40 });
  const stop = new AbortController();
  const holder = await db.connect();
  try {
    await holder.query('begin; set local idle_in_transaction_session_timeout = 0');
    await holder.query('select from pools where key = $1 for update', [pool]);
    const probing = gate.acquire(
      { pool, priority: 'background', charges },
      { inlineWaitMs: 10_000, slackMs: 100, signal: stop.signal },
    );
    await eventually('it asks', async () => {
      const { rows } = await db.query(
        `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%take_permits%'
           and datname = current_database()`,
      );
      return rows.length > 0;
    });
    stop.abort(new Error('cancelled'));
    await holder.query('commit');
    await expect(probing).rejects.toThrow('cancelled');
  } finally {
    holder.release();
  }
  expect(await probeUntil(pool)).toBe(0);
});

describe('what has to be done before a call leaves', () => {
  const wait = { inlineWaitMs: 10_000, slackMs: 4 };

  test('moves the departure when it takes longer than the lead', async () => {
    const latest = await undisturbed(leaveInTurn, (lateMs) => lateMs < 50);
    expect(latest).toBeLessThan(50);
  });

  /** The longest time by which one left after its departure, ms. */
  async function leaveInTurn(): Promise<number> {
    const charges = await newLimit({ kind: 'spacing', ms: 150 });
    const gate = new PermitGate(db, { leadMs: LEAD_MS });
    const left: { departAt: number; lateMs: number }[] = [];
    const leave = async (prepareMs: number) => {
      const prepare = async () => {
        await new Promise((resolve) => setTimeout(resolve, prepareMs));
        return async () => undefined;
      };
      const permit = await gate.acquire(requestOf(charges), { ...wait, prepare });
      if (!permit.granted) throw new Error(`denied by ${permit.deniedBy}`);
      left.push({ departAt: permit.departAt, lateMs: gate.clock.now() - permit.departAt });
    };
    await Promise.all([0, 120, 0, 120].map(leave));
    const at = left.map((l) => l.departAt).sort((a, b) => a - b);
    expect(Math.min(...at.slice(1).map((t, i) => t - (at[i] ?? 0)))).toBeGreaterThanOrEqual(149);
    return Math.max(...left.map((l) => l.lateMs));
  }
});
