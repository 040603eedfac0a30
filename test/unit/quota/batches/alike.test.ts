import { type AlikeKey, AlikeRow, alikeOf, rowNeeded } from '../../../../quota/batches/alike';
import type { Verdict } from '../../../../quota/verdict';

const fresh = () => new AlikeRow({ usable: 0, alike: new Map(), row: null });
const KEY: AlikeKey = 'blocked:403';
const evidence = { vendor: 'v', account: 'a', operation: 'o' };

describe('how many in a row are no chance', () => {
  test.each<[AlikeKey, number, number, number]>([
    [KEY, 0, 0, 3],
    [KEY, 100, 0, 3],
    // One in ten is refused for itself: six in a row are one in a million.
    [KEY, 90, 10, 6],
    [KEY, 50, 50, 20],
    [KEY, 0, 40, 50],
    [KEY, 1, 99, 50],
    ['incomplete:', 0, 0, 5],
    ['page:', 0, 0, 6],
  ])('%s after %i usable and %i alike: %i', (key, usable, alike, needed) => {
    expect(rowNeeded(key, usable, alike)).toBe(needed);
  });
});

describe('a row', () => {
  test('concerns all items once it is long enough, and starts over then', () => {
    const row = fresh();
    expect([1, 2, 3].map((n) => row.add(KEY, n))).toEqual([null, null, [1, 2, 3]]);
    expect(row.add(KEY, 4)).toBeNull();
  });

  test('ends with a usable answer, and with an answer of another kind', () => {
    const row = fresh();
    row.add(KEY, 1);
    row.add(KEY, 2);
    row.usable();
    expect(row.add(KEY, 3)).toBeNull();
    row.add('request:400', 4);
    expect(row.add(KEY, 5)).toBeNull();
  });

  test('the same item twice is one', () => {
    const row = fresh();
    expect([1, 1, 1, 2].map((n) => row.add(KEY, n))).toEqual([null, null, null, null]);
  });

  test('goes on where an earlier page left it', () => {
    const row = new AlikeRow({ usable: 5, alike: new Map([[KEY, 2]]), row: { key: KEY, items: [7, 8] } });
    expect(row.add(KEY, 9)).toEqual([7, 8, 9]);
  });
});

test.each<[Verdict, string | null]>([
  [
    // A code for each request is no difference.
    { kind: 'blocked', ofRequest: true, evidence: { ...evidence, httpStatus: 403, code: 'ray-7f' } },
    'blocked:403',
  ],
  [{ kind: 'blocked', evidence: { ...evidence, httpStatus: 403 } }, 'access:403'],
  [{ kind: 'blocked', reason: 'configuration', evidence: { ...evidence, httpStatus: 407 } }, null],
  [{ kind: 'auth', reason: 'refused', evidence: { ...evidence, httpStatus: 401 } }, 'access:401'],
  [{ kind: 'gone', evidence: { ...evidence, httpStatus: 404 } }, 'access:404'],
  [{ kind: 'billing', evidence: { ...evidence, httpStatus: 402 } }, null],
  [{ kind: 'invalid', evidence: { ...evidence, httpStatus: 400, code: 'y' } }, 'request:400'],
  [{ kind: 'invalid', evidence: { ...evidence, httpStatus: 200, code: 'event_stream' } }, 'stream:'],
  [
    { kind: 'server', statedWaitMs: null, ambiguous: true, evidence: { ...evidence, code: 'ETIMEDOUT' } },
    'timeout:',
  ],
  [
    { kind: 'server', statedWaitMs: null, ambiguous: true, evidence: { ...evidence, code: 'ECONNRESET' } },
    null,
  ],
  [
    { kind: 'server', statedWaitMs: null, ambiguous: true, evidence: { ...evidence, httpStatus: 200 } },
    'page:',
  ],
  [
    { kind: 'server', statedWaitMs: null, ambiguous: false, evidence: { ...evidence, httpStatus: 500 } },
    null,
  ],
  [{ kind: 'rate', statedWaitMs: null, limit: null, evidence }, null],
])('%j has %j in common with others', (verdict, key) => {
  expect(alikeOf(verdict)).toBe(key);
});
