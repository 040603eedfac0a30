import { afterRefusalAlert, type RateEpisode } from '../../../../quota/limits/rate-alert';
import { afterRefusal, type RateBlock } from '../../../../quota/limits/rate-strikes';
import fc from '../../../support/run/properties';

const POLICY = { baseMs: 1000, maxMs: 30_000, attempts: 4 };
const OPEN: RateBlock = { strikes: 0, blockedUntil: 0 };
const refusal = (departedAt: number, more: { statedWaitMs?: number; jitter?: number } = {}) => ({
  departedAt,
  statedWaitMs: null,
  jitter: 0,
  ...more,
});

describe('the wait that callers share', () => {
  test('is 1, 2, 4, 8, 16, 30 seconds while each call after a block is refused again', () => {
    let block = OPEN;
    let now = 1_000_000;
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      block = afterRefusal(block, refusal(now), POLICY, now + 20);
      waits.push(block.blockedUntil - (now + 20));
      now = block.blockedUntil;
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  test('counts calls that were in flight together once', () => {
    const first = afterRefusal(OPEN, refusal(1000), POLICY, 1100);
    // Departed before the block began, and within it (a permit given just before).
    expect(afterRefusal(first, refusal(1050), POLICY, 1200)).toEqual(first);
    expect(afterRefusal(first, refusal(1150), POLICY, 1300)).toEqual(first);
    // An answer that took so long that the block has ended meanwhile.
    expect(afterRefusal(first, refusal(1050), POLICY, 9000)).toEqual(first);
    expect(afterRefusal(first, refusal(first.blockedUntil), POLICY, 9000).strikes).toBe(2);
  });

  test('carries 10 % jitter either way', () => {
    const wait = (jitter: number) =>
      afterRefusal(OPEN, refusal(10, { jitter }), POLICY, 10).blockedUntil - 10;
    expect([wait(-1), wait(0), wait(1)]).toEqual([900, 1000, 1100]);
  });

  test('is what the vendor says where it says so, and that is no strike', () => {
    const stated = afterRefusal(OPEN, refusal(10, { statedWaitMs: 90_000, jitter: 1 }), POLICY, 20);
    expect(stated).toEqual({ strikes: 0, blockedUntil: 90_020 });
    expect(afterRefusal(stated, refusal(90_020), POLICY, 90_030)).toEqual({
      strikes: 1,
      blockedUntil: 91_030,
    });
  });

  test('grows where the vendor states one that is as good as none, and every call after it is refused', () => {
    const waits = (statedWaitMs: number, times: number) => {
      let block = OPEN;
      let now = 1_000_000;
      return Array.from({ length: times }, () => {
        block = afterRefusal(block, refusal(now, { statedWaitMs }), POLICY, now + 20);
        const wait = block.blockedUntil - (now + 20);
        now = block.blockedUntil;
        return wait;
      });
    };
    expect(waits(0, 12)).toEqual([50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    expect(waits(120, 5)).toEqual([120, 120, 200, 400, 800]);
    expect(waits(1000, 3)).toEqual([1000, 1000, 1000]);
  });

  test('counts a short one once for calls that were in flight together', () => {
    const first = afterRefusal(OPEN, refusal(1000, { statedWaitMs: 0 }), POLICY, 1100);
    expect(first).toEqual({ strikes: 1, blockedUntil: 1150 });
    expect(afterRefusal(first, refusal(1050, { statedWaitMs: 0 }), POLICY, 1120)).toEqual({
      strikes: 1,
      blockedUntil: 1170,
    });
  });

  test('is never shortened, whatever comes after', () => {
    const event = fc.record({
      ago: fc.integer({ min: 0, max: 40_000 }),
      after: fc.integer({ min: 0, max: 40_000 }),
      statedWaitMs: fc.option(fc.integer({ min: 0, max: 60_000 })),
      jitter: fc.double({ min: -1, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        let block = OPEN;
        let now = 100_000;
        for (const { ago, after, statedWaitMs, jitter } of events) {
          now += after;
          const next = afterRefusal(block, { departedAt: now - ago, statedWaitMs, jitter }, POLICY, now);
          expect(next.blockedUntil).toBeGreaterThanOrEqual(block.blockedUntil);
          expect(next.strikes - block.strikes).toBeLessThanOrEqual(1);
          if (statedWaitMs !== null) expect(next.blockedUntil).toBeGreaterThanOrEqual(now + statedWaitMs);
          block = next;
        }
      }),
    );
  });
});

describe('an alert about refusals', () => {
  const policy = { refusals: 3, windowMs: 600_000 };

  /** Minutes of refusals in, minutes of alerts out. */
  function alerts(minutes: readonly number[]): number[] {
    let episode: RateEpisode | null = null;
    const reported: number[] = [];
    minutes.forEach((minute, i) => {
      const now = minute * 60_000;
      const recent = minutes.slice(0, i + 1).filter((m) => m * 60_000 > now - policy.windowMs).length;
      const after = afterRefusalAlert(episode, recent, policy, now);
      episode = after.episode;
      if (after.alert) reported.push(minute);
    });
    return reported;
  }

  test.each([
    ['two refusals are none', [0, 1], []],
    ['the third within ten minutes is', [0, 4, 9], [9]],
    ['three over more than ten minutes are not', [0, 6, 11], []],
    ['it is reported once while refusals go on', [0, 1, 2, 3, 10, 19, 28], [2]],
    ['after ten quiet minutes it is reported anew', [0, 1, 2, 12, 13, 14], [2, 14]],
  ])('%s', (_, refusals, reported) => {
    expect(alerts(refusals)).toEqual(reported);
  });
});
