/** Pools that are held: by a refusal that a person mends, by an operator, or until a probe. */
import { CLOSED_POOL, isBlocked, stopping, transition } from '../../../../quota/pools/pool';
import type { PoolEvent, PoolPolicy, PoolState } from '../../../../quota/pools/state';
import {
  evidence,
  halfOpen,
  hold,
  MIN,
  NOW,
  pause,
  paused,
  policy,
  quota,
  resume,
  step,
  success,
  timer,
} from '../../../support/models/pool-events';

describe('a hold', () => {
  test('ends by resume alone, and then with a single probe', () => {
    const held = step(CLOSED_POOL, hold(1));
    expect(held).toMatchObject({ state: 'held', until: null, evidence });
    expect(isBlocked(held, NOW * 2)).toBe(true);
    expect(step(held, timer, NOW * 2)).toBe(held);
    expect(step(held, quota(held.epoch, 5))).toBe(held);
    expect(step(held, resume)).toMatchObject({ state: 'half_open', strikes: 0, epoch: held.epoch + 1 });
  });
  test('reported by several calls is one hold', () => {
    const held = step(CLOSED_POOL, hold(1));
    expect(step(held, hold(1))).toBe(held);
    expect(step(held, hold(1, 'suspended', 'blocked')).reason).toBe('suspended');
  });
  test('by a call from before the resume does not hold the pool again', () => {
    const half = step(step(CLOSED_POOL, hold(1)), resume);
    expect(step(half, hold(1))).toBe(half);
    expect(step(half, hold(half.epoch)).state).toBe('held');
  });
  test('nor when the probe has shown meanwhile that all is well', () => {
    const half = step(step(CLOSED_POOL, hold(1)), resume);
    const closed = step(half, success(half.epoch));
    expect(step(closed, hold(1))).toBe(closed);
    expect(step(closed, hold(closed.epoch)).state).toBe('held');
  });
  test('in other words of the same code, by a call that was on its way, is the same hold', () => {
    const inWords = (epoch: number, reason: string, code: string): PoolEvent => ({
      ...{ type: 'hold', epoch, reason, cause: 'billing' },
      evidence: { ...evidence, code },
    });
    const held = step(CLOSED_POOL, inWords(1, 'spent 100.01', 'spend_limit'));
    expect(step(held, inWords(1, 'spent 100.02', 'spend_limit'))).toBe(held);
    expect(step(held, inWords(1, 'suspended', 'suspension')).reason).toBe('suspended');
  });
  test('is not turned into a timed pause by an operator', () => {
    const held = step(step(CLOSED_POOL, hold(1)), pause(NOW + 1000));
    expect(held).toMatchObject({ state: 'held', until: null, reason: 'maintenance', evidence });
  });
});

describe('an operator', () => {
  test('pauses until a time, after which a probe goes', () => {
    const held = step(CLOSED_POOL, pause(NOW + 1000));
    expect(held).toMatchObject({ state: 'held', until: NOW + 1000, reason: 'maintenance' });
    expect(step(held, timer, NOW + 999)).toBe(held);
    expect(step(held, timer, NOW + 1000)).toMatchObject({
      state: 'half_open',
      reason: 'probing after: maintenance',
    });
  });
  test('does not cut the vendor’s time short by a shorter pause, nor by one that came first', () => {
    expect(step(paused(1, 60_000), pause(NOW + 1000)).until).toBe(NOW + 60_000);
    const before = step(CLOSED_POOL, pause(NOW + 1000));
    expect(step(before, quota(1, 60_000))).toEqual({ ...before, until: NOW + 60_000 });
    expect(step(before, quota(1, 500))).toBe(before);
    expect(step(before, quota(1))).toBe(before);
    expect(step(before, quota(1, Number.POSITIVE_INFINITY))).toMatchObject({ state: 'held', until: null });
  });
  test('whose pause comes twice has given it once', () => {
    const first = step(CLOSED_POOL, pause(null));
    expect(step(first, pause(null), NOW + 2000)).toBe(first);
    const other = step(first, { type: 'pause', reason: 'stock-taking', until: null }, NOW + 2000);
    expect(other).toMatchObject({ reason: 'stock-taking', since: NOW + 2000 });
  });
  test('pauses without an end', () => {
    expect(step(paused(1, 60_000), pause(null))).toMatchObject({ state: 'held', until: null, strikes: 1 });
  });
  test('resumes a pause of their own to normal, and one that covers a refusal to a probe', () => {
    const paused = step(CLOSED_POOL, { type: 'pause', reason: 'stock-taking', until: null });
    expect(step(paused, resume)).toMatchObject({ state: 'closed', reason: '', until: null });
    const refused = step(CLOSED_POOL, quota(1));
    const covered = step(refused, { type: 'pause', reason: 'stock-taking', until: null });
    expect(step(covered, resume).state).toBe('half_open');
  });

  test('pauses an account that waits for a login: the pause is theirs, whichever came first', () => {
    for (const cause of ['login', 'credentials'] as const) {
      const waiting = step(CLOSED_POOL, hold(1, 'needs a login', cause));
      const covered = step(waiting, pause(null));
      expect(covered).toMatchObject({ until: null, reason: 'maintenance', cause: 'operator' });
      const before = step(CLOSED_POOL, pause(null));
      const late = step(before, hold(before.epoch, 'needs a login', cause));
      expect(late).toEqual({ ...before, evidence });
      const timed = step(CLOSED_POOL, pause(NOW + 1000));
      expect(step(timed, hold(timed.epoch, 'needs a login', cause))).toEqual({ ...timed, evidence });
      // What the login was wanted for is tried by one call.
      for (const held of [covered, late]) expect(step(held, resume).state).toBe('half_open');
    }
    const unpaid = step(step(CLOSED_POOL, pause(null)), hold(2));
    expect(unpaid).toMatchObject({ reason: expect.not.stringContaining('maintenance'), cause: 'billing' });
  });

  test('resumes: nothing changes when closed, and a probe in flight still counts', () => {
    expect(step(CLOSED_POOL, resume)).toBe(CLOSED_POOL);
    const half = halfOpen();
    const resumed = step(half, resume);
    expect(resumed).toMatchObject({ state: 'half_open', epoch: half.epoch, strikes: 0 });
    expect(step(resumed, success(half.epoch)).state).toBe('closed');
  });
});

describe('of a pool and its organization’s, what stands in the way', () => {
  const at = (state: PoolState) => ({ state });
  const open = at(CLOSED_POOL);
  const held = at(step(CLOSED_POOL, hold(1)));
  const pausedFor = (ms: number) => step(CLOSED_POOL, quota(1, ms));
  const minute = at(pausedFor(MIN));
  const hour = at(pausedFor(60 * MIN));
  test.each([
    ['a hold, whatever else', [hour, held], held],
    ['the longer pause', [minute, hour], hour],
    [
      'a pause that runs before one that is over',
      [at(step(CLOSED_POOL, quota(1, MIN), NOW - 2 * MIN)), minute],
      minute,
    ],
    ['a probe before nothing', [open, at(step(held.state, resume))], at(step(held.state, resume))],
    ['nothing', [open], open],
    ['no pool yet', [], null],
  ])('is %s', (_, pools, expected) => {
    expect(stopping(pools, NOW)).toEqual(expected);
    expect(stopping([...pools].reverse(), NOW)).toEqual(expected);
  });
});

describe('a hold whose cause may be removed elsewhere probes by itself', () => {
  const looking: PoolPolicy = {
    ...policy,
    recheck: { credentialsMs: 15 * MIN, configurationMs: MIN, maxMs: 8 * 60 * MIN },
  };
  const refused = (epoch: number, cause: 'credentials' | 'configuration' | 'billing'): PoolEvent => ({
    type: 'hold',
    epoch,
    reason: cause,
    evidence,
    cause,
  });
  /** Waits from check to check, ms. */
  function waits(cause: 'credentials' | 'configuration', checks: number, of = looking): (number | null)[] {
    let state = CLOSED_POOL;
    let now = NOW;
    const found: (number | null)[] = [];
    for (let i = 0; i < checks; i++) {
      state = transition(state, refused(state.epoch, cause), of, now);
      found.push(state.until === null ? null : state.until - now);
      if (state.until === null) return found;
      now = state.until;
      state = transition(state, { type: 'timer' }, of, now);
    }
    return found;
  }

  test('ever more rarely', () => {
    expect(waits('credentials', 7)).toEqual([15, 30, 60, 120, 240, 480, 480].map((m) => m * MIN));
    expect(waits('configuration', 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((m) => m * MIN));
  });

  test('refused credentials only where the policy says so; a wrong setting always', () => {
    expect(waits('credentials', 3, policy)).toEqual([null]);
    expect(waits('configuration', 2, policy)).toEqual([MIN, 2 * MIN]);
  });

  test('a success ends the growing', () => {
    const held = transition(CLOSED_POOL, refused(1, 'credentials'), looking, NOW);
    const probing = transition(held, timer, looking, NOW + 15 * MIN);
    const closed = transition(probing, success(probing.epoch), looking, NOW + 16 * MIN);
    expect(closed).toMatchObject({ state: 'closed', strikes: 0 });
    const again = transition(closed, refused(closed.epoch, 'credentials'), looking, NOW + 17 * MIN);
    expect(again.until).toBe(NOW + 32 * MIN);
  });

  test('calls in flight together report it once, whatever their words', () => {
    const held = transition(CLOSED_POOL, refused(1, 'credentials'), looking, NOW);
    const late: PoolEvent = { ...refused(1, 'credentials'), reason: 'in other words' } as PoolEvent;
    expect(transition(held, late, looking, NOW + 5)).toBe(held);
  });

  test('it shortens neither an operator’s pause nor a hold without an end', () => {
    const timed = transition(CLOSED_POOL, pause(NOW + 60 * MIN), looking, NOW);
    expect(transition(timed, refused(timed.epoch, 'credentials'), looking, NOW).until).toBe(NOW + 60 * MIN);
    const unpaid = transition(CLOSED_POOL, refused(1, 'billing'), looking, NOW);
    expect(unpaid.until).toBeNull();
    expect(transition(unpaid, refused(unpaid.epoch, 'credentials'), looking, NOW).until).toBeNull();
  });
});
