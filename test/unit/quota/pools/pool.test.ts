import { unknownCooldownMs } from '../../../../quota/pools/cooldowns';
import { CLOSED_POOL, isBlocked } from '../../../../quota/pools/pool';
import type { PoolEvent, PoolState } from '../../../../quota/pools/state';
import {
  evidence,
  failure,
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
import fc from '../../../support/run/properties';

describe('a quota closes the pool', () => {
  test('until the time that the vendor states, to the millisecond', () => {
    const state = step(CLOSED_POOL, quota(1, 798_000, 1));
    expect(state).toMatchObject({
      state: 'quota_paused',
      until: NOW + 798_000,
      since: NOW,
      strikes: 1,
      epoch: 2,
    });
    expect(isBlocked(state, NOW + 797_999)).toBe(true);
    expect(isBlocked(state, NOW + 798_000)).toBe(false);
  });

  test('for the modelled time when the vendor names none, or names nonsense', () => {
    expect(step(CLOSED_POOL, quota(1)).until).toBe(NOW + 30 * MIN);
    expect(step(CLOSED_POOL, quota(1, Number.NaN)).until).toBe(NOW + 30 * MIN);
    expect(step(CLOSED_POOL, quota(1, null, Number.NaN)).until).toBe(NOW + 30 * MIN);
  });

  test.each([
    [1, 30],
    [2, 60],
    [3, 120],
    [4, 240],
    [5, 480],
    [6, 480],
    [60, 480],
  ])('strike %i pauses for %i minutes', (strikes, minutes) => {
    const state = paused(strikes);
    expect((state.until ?? 0) - state.since).toBe(minutes * MIN);
    expect(state.strikes).toBe(strikes);
  });

  test('jitter only lengthens a modelled pause, by at most a tenth', () => {
    fc.assert(
      fc.property(fc.nat({ max: 200 }), fc.double({ min: -5, max: 5, noNaN: true }), (strikes, jitter) => {
        const wait = unknownCooldownMs(policy, strikes, jitter);
        const base = unknownCooldownMs(policy, strikes, 0);
        return Number.isInteger(wait) && wait >= base && wait <= base * 1.1 + 1;
      }),
    );
  });

  test('a cap below the base does not shorten the base', () => {
    expect(unknownCooldownMs({ ...policy, unknownQuotaMaxMs: MIN }, 3, 0)).toBe(30 * MIN);
  });

  test('the hint is shown after the policy’s number of strikes', () => {
    expect(paused(2).hint).toBeNull();
    expect(paused(3).hint).toBe('check role and report type');
    expect(step(paused(3), timer, NOW + 100 * 60 * MIN).hint).toBe('check role and report type');
  });

  test('an unbelievable wait holds the pool for a person, with the reason', () => {
    const state = step(CLOSED_POOL, quota(1, policy.absurdWaitMs + 1));
    expect(state).toMatchObject({ state: 'held', until: null, strikes: 1, evidence });
    expect(state.reason).toContain('604800 s is not believable');
    expect(step(CLOSED_POOL, quota(1, Number.POSITIVE_INFINITY)).state).toBe('held');
    expect(step(CLOSED_POOL, quota(1, policy.absurdWaitMs)).state).toBe('quota_paused');
  });

  test.each([0, -5, 1])('a stated wait of %i ms pauses, and is believed only once', (wait) => {
    const first = step(CLOSED_POOL, quota(1, wait));
    expect(first.until).toBe(NOW + 1);
    const waits = [2, 3, 4, 40].map((n) => {
      const state = paused(n, wait);
      return (state.until ?? 0) - state.since;
    });
    expect(waits).toEqual([1800, 3600, 7200, 30 * MIN]);
  });
});

describe('calls in flight together meet the same wall', () => {
  test('it is one strike', () => {
    const first = step(CLOSED_POOL, quota(1));
    expect(step(first, quota(1), NOW + 5)).toBe(first);
  });
  test('a later time lengthens the pause, an earlier one does not shorten it', () => {
    const first = step(CLOSED_POOL, quota(1, 10_000));
    const longer = step(first, quota(1, 20_000));
    expect(longer).toEqual({ ...first, until: NOW + 20_000 });
    expect(step(longer, quota(1, 5_000))).toBe(longer);
    expect(step(longer, quota(longer.epoch, 5_000))).toBe(longer);
  });
  test('a late answer without a time does not close a pool that has been probed since', () => {
    const half = halfOpen();
    expect(step(half, quota(1))).toBe(half);
    const closed = step(half, success(half.epoch));
    expect(step(closed, quota(1))).toBe(closed);
  });
  test('a late answer with a time does', () => {
    expect(step(halfOpen(), quota(1, 60_000))).toMatchObject({ state: 'quota_paused', until: NOW + 60_000 });
  });
  test('a quota met by a call that left after the pause ran out is a new strike', () => {
    const first = paused();
    expect(step(first, quota(first.epoch), NOW + 31 * MIN)).toMatchObject({
      state: 'quota_paused',
      strikes: 2,
    });
  });
});

describe('success', () => {
  test('of the probe closes the pool and clears the strikes', () => {
    const half = halfOpen();
    expect(step(half, success(half.epoch))).toMatchObject({
      state: 'closed',
      strikes: 0,
      until: null,
      reason: '',
    });
  });
  test.each([
    ['quota_paused', paused()],
    ['held', step(CLOSED_POOL, hold(1))],
    ['open', [1, 1, 1, 1, 1].reduce((s, e) => step(s, failure(e)), CLOSED_POOL)],
  ])('clears no pause: %s', (name, state) => {
    expect(state.state).toBe(name);
    for (let epoch = 0; epoch <= state.epoch; epoch++) expect(step(state, success(epoch))).toBe(state);
  });
  test('of an earlier epoch does not close a half-open pool', () => {
    const half = halfOpen();
    expect(step(half, success(half.epoch - 1))).toBe(half);
  });
  test('ends a row of failures', () => {
    const state = step(step(CLOSED_POOL, failure(1)), success(1));
    expect(state.failures).toBe(0);
    expect(step(state, success(1))).toBe(state);
  });
});

describe('service failures', () => {
  const failed = (n: number) =>
    Array.from({ length: n }).reduce<PoolState>((s) => step(s, failure(1)), CLOSED_POOL);
  test('five in a row open the breaker for a minute', () => {
    expect(failed(4)).toMatchObject({ state: 'closed', failures: 4 });
    expect(failed(5)).toMatchObject({
      state: 'open',
      until: NOW + MIN,
      reason: '5 service failures in a row; last: 503',
    });
  });
  test('of earlier calls do not count twice', () => {
    const open = failed(5);
    expect(step(open, failure(1))).toBe(open);
    expect(step(open, failure(open.epoch))).toBe(open);
  });
  test('of the probe open it again, and keep the strikes', () => {
    const half = halfOpen();
    expect(step(half, failure(half.epoch))).toMatchObject({
      state: 'open',
      strikes: 1,
      failures: 1,
      reason: 'a service failure: 503',
    });
  });
  test('a quota met while the breaker is open never ends before it', () => {
    expect(step(failed(5), quota(1, 1_000))).toMatchObject({ state: 'quota_paused', until: NOW + MIN });
  });
});

test('a timer does nothing before its time, nor to a pool that has none', () => {
  const state = paused();
  expect(step(state, timer, NOW + 1)).toBe(state);
  expect(step(CLOSED_POOL, timer)).toBe(CLOSED_POOL);
  const half = halfOpen();
  expect(step(half, timer)).toBe(half);
});

describe('whatever happens, in whatever order', () => {
  const anyEvent = (
    state: PoolState,
    lag: number,
    pick: number,
    wait: number | null,
    now: number,
  ): PoolEvent => {
    const epoch = Math.max(0, state.epoch - lag);
    const all = [
      quota(epoch, wait, 0.5),
      quota(epoch, null, -1),
      failure(epoch),
      success(epoch),
      hold(epoch),
      timer,
      pause(wait === null ? null : now + wait),
      resume,
    ];
    return all[pick % all.length] ?? timer;
  };
  const script = fc.array(
    fc.record({
      lag: fc.nat({ max: 3 }),
      // Mostly quotas and answers; holds and operators are rare.
      pick: fc.constantFrom(0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 5, 5, 6, 7),
      wait: fc.option(
        fc.oneof(fc.integer({ min: -10, max: 200 * MIN }), fc.constant(policy.absurdWaitMs * 2)),
      ),
      pass: fc.oneof(fc.constant(0), fc.nat({ max: 90 * MIN })),
    }),
    { maxLength: 60 },
  );

  test('no stated time is cut short, no pause is shortened, and no late success ends one', () => {
    fc.assert(
      fc.property(script, (steps) => {
        let state = CLOSED_POOL;
        let now = NOW;
        /** The latest end that the vendor has stated since an operator last vouched for the account. */
        let statedUntil = 0;
        for (const s of steps) {
          now += s.pass;
          const event = anyEvent(state, s.lag, s.pick, s.wait, now);
          const next = step(state, event, now);
          if (event.type === 'resume') statedUntil = 0;
          if (
            event.type === 'quota' &&
            event.statedWaitMs !== null &&
            event.statedWaitMs <= policy.absurdWaitMs
          ) {
            statedUntil = Math.max(statedUntil, now + event.statedWaitMs);
          }
          if (now < statedUntil) expect(isBlocked(next, now)).toBe(true);
          if (isBlocked(next, now) && next.until !== null)
            expect(next.until).toBeGreaterThanOrEqual(statedUntil);
          if (isBlocked(state, now) && event.type !== 'resume') {
            expect(next.until ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(
              state.until ?? Number.POSITIVE_INFINITY,
            );
            expect(isBlocked(next, now)).toBe(true);
          }
          if (event.type === 'success' && event.epoch !== state.epoch) expect(next).toBe(state);
          if (event.type === 'success' && state.state !== 'half_open') expect(next.state).toBe(state.state);
          expect(next.epoch - state.epoch).toBeGreaterThanOrEqual(0);
          if (next.state !== state.state) expect(next.epoch).toBe(state.epoch + 1);
          if (next.state === 'quota_paused' || next.state === 'open')
            expect(Number.isFinite(next.until)).toBe(true);
          if (next.state === 'closed' || next.state === 'half_open') expect(next.until).toBeNull();
          expect(next.strikes - state.strikes).toBeLessThanOrEqual(1);
          if (next.strikes < state.strikes) expect(['success', 'resume']).toContain(event.type);
          state = next;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a stated wait of 0', () => {
  test('is no strike and brings no hint, but is not believed again', () => {
    let state = CLOSED_POOL;
    let now = NOW;
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      state = step(state, quota(state.epoch, 0), now);
      waits.push((state.until ?? 0) - now);
      expect(state).toMatchObject({ strikes: 0, hint: null });
      now = state.until ?? now;
      state = step(state, timer, now);
    }
    expect(waits).toEqual([1, 1800, 3600, 7200, 14_400, 28_800]);
  });
});
