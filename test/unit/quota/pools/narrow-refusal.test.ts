import {
  isNews,
  type KindRecord,
  kindWaitMs,
  type Refusal,
  reachOf,
  standBackMs,
} from '../../../../quota/pools/narrow-refusal';
import type { PoolPolicy } from '../../../../quota/pools/state';

const NOW = 1_700_000_000_000;
const MIN = 60_000;
const HOUR = 60 * MIN;

const record = (subject: string, of: Partial<KindRecord> = {}): KindRecord => ({
  operation: 'createReport',
  part: '',
  subject,
  acceptedAt: 0,
  refusedAt: 0,
  refusedFor: null,
  strikes: 0,
  until: 0,
  ...of,
});
const refusedAt = (ago: number, refusedFor: 'quota' | 'access' = 'quota') => ({
  refusedAt: NOW - ago,
  refusedFor,
});
const refusal = (of: Partial<Refusal> = {}): Refusal => ({
  operation: 'createReport',
  part: '',
  subject: 'SALES',
  of: 'quota',
  departedAt: NOW - 100,
  subjects: ['SALES', 'TRAFFIC', 'INVENTORY'],
  ...of,
});

describe('how wide a refusal reaches', () => {
  test.each<[string, KindRecord[], Partial<Refusal>, 'kind' | 'pool']>([
    ['the first, where others are to be asked', [], {}, 'kind'],
    ['the first, where the account makes one kind of calls only', [], { subjects: ['SALES'] }, 'pool'],
    [
      'others were accepted lately',
      [record('TRAFFIC', { acceptedAt: NOW - HOUR })],
      { subjects: ['SALES'] },
      'kind',
    ],
    [
      'others were accepted, but days ago',
      [record('TRAFFIC', { acceptedAt: NOW - 48 * HOUR })],
      { subjects: ['SALES'] },
      'pool',
    ],
    ['another was refused, and nothing accepted since', [record('TRAFFIC', refusedAt(MIN))], {}, 'pool'],
    [
      'another was refused, and was accepted before that only',
      [record('TRAFFIC', { ...refusedAt(MIN), acceptedAt: NOW - HOUR })],
      {},
      'pool',
    ],
    [
      'another was refused, and a third accepted since',
      [record('TRAFFIC', refusedAt(2 * MIN)), record('INVENTORY', { acceptedAt: NOW - MIN })],
      {},
      'kind',
    ],
    [
      'another was refused, and this one accepted since',
      [record('TRAFFIC', refusedAt(2 * MIN)), record('SALES', { acceptedAt: NOW - MIN })],
      {},
      'kind',
    ],
    ['another was refused days ago', [record('TRAFFIC', refusedAt(48 * HOUR))], {}, 'kind'],
    ['it was refused before itself', [record('SALES', refusedAt(HOUR))], {}, 'kind'],
    [
      'access to one marketplace, with others to ask',
      [],
      { of: 'access', part: 'A', hasOtherParts: true, subjects: ['SALES'] },
      'kind',
    ],
    [
      'access to another was refused, and what was accepted since says nothing of marketplaces',
      [record('SALES', { part: 'B', ...refusedAt(MIN, 'access') }), record('SALES', { acceptedAt: NOW })],
      { of: 'access', part: 'A', hasOtherParts: true, subjects: ['SALES'] },
      'pool',
    ],
    [
      'access to another was refused, and to a third accepted since',
      [
        record('SALES', { part: 'B', ...refusedAt(2 * MIN, 'access') }),
        record('SALES', { part: 'C', acceptedAt: NOW - MIN }),
      ],
      { of: 'access', part: 'A', hasOtherParts: true, subjects: ['SALES'] },
      'kind',
    ],
    [
      'a quota is of all marketplaces',
      [record('TRAFFIC', refusedAt(MIN)), record('SALES', { part: 'B', acceptedAt: NOW })],
      {},
      'pool',
    ],
    ['another lacks a role: that is no quota', [record('TRAFFIC', refusedAt(MIN, 'access'))], {}, 'kind'],
    [
      'another operation is served: its bucket is its own',
      [
        record('TRAFFIC', refusedAt(2 * MIN)),
        record('SALES', { operation: 'getReport', acceptedAt: NOW - MIN }),
      ],
      {},
      'pool',
    ],
    [
      'another operation is served: so the token is good',
      [record('SALES', { operation: 'getReport', acceptedAt: NOW - MIN })],
      { of: 'access', subjects: ['SALES'] },
      'kind',
    ],
    [
      'two kinds have no access, and nothing is served',
      [record('SALES', { operation: 'getReports', ...refusedAt(MIN, 'access') })],
      { of: 'access' },
      'pool',
    ],
  ])('%s', (_, records, of, expected) => {
    expect(reachOf(records, refusal(of), NOW)).toBe(expected);
  });

  test('a call that left before the refusal was known is no news', () => {
    const known = record('SALES', { refusedAt: NOW });
    expect(isNews(known, NOW - 1)).toBe(false);
    expect(isNews(known, NOW + 1)).toBe(true);
    expect(isNews(undefined, NOW)).toBe(true);
    expect(isNews(record('SALES'), NOW)).toBe(true);
  });
});

describe('how long it waits', () => {
  const policy = {
    unknownQuotaMs: 30 * MIN,
    unknownQuotaFactor: 2,
    unknownQuotaMaxMs: 8 * HOUR,
  } as PoolPolicy;
  const wait = (of: Partial<Parameters<typeof kindWaitMs>[1]> = {}) =>
    kindWaitMs(policy, { of: 'quota', statedWaitMs: null, strikes: 0, lastWaitMs: 0, jitter: 0, ...of });

  test('as long as the pool would, by strikes of its own', () => {
    expect([0, 1, 2, 9].map((strikes) => wait({ strikes }).waitMs)).toEqual([
      30 * MIN,
      60 * MIN,
      120 * MIN,
      8 * HOUR,
    ]);
    expect(wait({ strikes: 2 }).strikes).toBe(3);
  });

  test('what the vendor states, to the millisecond', () => {
    expect(wait({ statedWaitMs: 61_234, strikes: 4 })).toEqual({ waitMs: 61_234, strikes: 5 });
  });

  test('a stated wait of 0 is no strike, and is followed by calls at growing intervals', () => {
    expect(wait({ statedWaitMs: 0 })).toEqual({ waitMs: 1800, strikes: 0 });
    expect(wait({ statedWaitMs: 0, lastWaitMs: 1800 })).toEqual({ waitMs: 3600, strikes: 0 });
    expect(wait({ statedWaitMs: 0, lastWaitMs: 29 * MIN })).toEqual({ waitMs: 30 * MIN, strikes: 0 });
  });

  test('want of access: probed after a quarter of an hour, then at growing intervals', () => {
    const waits = [0, 1, 2, 20].map((strikes) => wait({ of: 'access', strikes }).waitMs);
    expect(waits).toEqual([15 * MIN, 30 * MIN, 60 * MIN, 8 * HOUR]);
  });

  test('after the pool, the others come first', () => {
    expect([0, 10 * MIN, 30 * MIN, 8 * HOUR].map(standBackMs)).toEqual([2000, MIN, MIN, MIN]);
  });
});
