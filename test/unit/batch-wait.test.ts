import { waitOf } from '../../client/lib/batch-wait';
import type { PoolState } from '../../quota/pool';

const batch = {
  ...{ id: 7, account: 'texts', items: 100, reason: '' },
  state: 'running',
  priority: 'background',
} as const;
const counts = { pending: 60, running: 0, retry: 0, done: 40, failed: 0, nextDueAt: null };
const quota = { shouldPause: true, reason: 'the day is at 80 %', pausesUntil: 99 };
const unknown = { pool: null, blocked: null };
const standing = (pool: { state: PoolState['state']; until: number | null; reason: string }) => ({
  pool,
  blocked: null,
});
const well = { shouldPause: false, reason: '', pausesUntil: null };

test('a batch that works, has ended or was cancelled waits for nothing', () => {
  expect(waitOf(batch, { ...counts, running: 3 }, unknown, quota)).toBeNull();
  expect(waitOf(batch, counts, standing({ state: 'closed', until: null, reason: '' }), well)).toBeNull();
  expect(waitOf(batch, { ...counts, done: 98, failed: 2 }, unknown, quota)).toBeNull();
  expect(waitOf({ ...batch, state: 'cancelled', reason: 'x' }, counts, unknown, quota)).toBeNull();
});

test('an operator’s pause says how to end it', () => {
  expect(waitOf({ ...batch, state: 'paused', reason: 'lunch' }, counts, unknown, quota)).toEqual({
    why: 'lunch',
    until: null,
    todo: 'npx sluice batch resume 7',
  });
});

test('a held pool waits for a person, a paused one for its time', () => {
  expect(waitOf(batch, counts, standing({ state: 'held', until: null, reason: 'pay' }), well)).toEqual({
    why: 'its pool is held: pay',
    until: null,
    todo: 'npx sluice pool resume texts',
  });
  expect(waitOf(batch, counts, standing({ state: 'quota_paused', until: 50, reason: '429' }), well)).toEqual({
    why: 'its pool is paused: 429',
    until: 50,
    todo: 'nothing; to try now: npx sluice pool resume texts',
  });
});

test('at its threshold a background batch waits for the window, more important work does not', () => {
  expect(waitOf(batch, counts, unknown, quota)).toMatchObject({ why: 'the day is at 80 %', until: 99 });
  expect(waitOf({ ...batch, priority: 'interactive' }, counts, unknown, quota)).toBeNull();
});

test('items that are to be tried again say when', () => {
  const last = { ...counts, pending: 0, done: 98, retry: 2, nextDueAt: 12 };
  expect(waitOf(batch, last, unknown, well)).toEqual({
    why: '2 items to be tried again',
    until: 12,
    todo: 'nothing',
  });
});

test('a limit that the vendor has asked to wait says so, and how to end it', () => {
  const blocked = { name: 'requests', blockedUntil: 77, blockedReason: '429 slow_down' };
  expect(waitOf(batch, counts, { pool: null, blocked }, quota)).toEqual({
    why: 'the vendor has asked calls of requests to wait: 429 slow_down',
    until: 77,
    todo: 'nothing; to try now: npx sluice pool unblock texts',
  });
});
