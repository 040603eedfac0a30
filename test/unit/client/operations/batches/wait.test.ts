import { NOTHING_KNOWN, waitOf as waitAt } from '../../../../../client/operations/batches/wait';
import type { PoolState } from '../../../../../quota/pools/state';

const NOW = 10;
const waitOf = (...of: Parameters<typeof waitAt> extends [...infer Rest, number] ? Rest : never) =>
  waitAt(...of, NOW);

const batch = {
  ...{ id: 7, account: 'texts', items: 100, reason: '' },
  state: 'running',
  changedAt: 5,
  priority: 'background',
} as const;
const counts = { pending: 60, running: 0, retry: 0, done: 40, failed: 0, nextDueAt: null };
const quota = { shouldPause: true, reason: 'the day is at 80 %', pausesUntil: 99 };
const unknown = NOTHING_KNOWN;
const standing = (pool: { state: PoolState['state']; until: number | null; reason: string }) => ({
  ...NOTHING_KNOWN,
  pool: { ...pool, since: 3 },
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
    what: 'batch 7',
    why: 'lunch',
    since: 5,
    until: null,
    frees: '`batch resume 7`',
  });
});

test('a held pool waits for a person, a paused one for its time', () => {
  expect(waitOf(batch, counts, standing({ state: 'held', until: null, reason: 'pay' }), well)).toEqual({
    what: 'batch 7',
    since: 3,
    why: 'its pool is held: pay',
    until: null,
    frees: '`pool resume texts`',
  });
  expect(waitOf(batch, counts, standing({ state: 'quota_paused', until: 50, reason: '429' }), well)).toEqual({
    what: 'batch 7',
    since: 3,
    why: 'its pool is paused: 429',
    until: 50,
    frees: 'nothing, it goes on by itself; to try now: `pool resume texts`',
  });
});

test('at its threshold a background batch waits for the window, more important work does not', () => {
  const noted = { cause: 'threshold', reason: 'x', since: 4, until: 98 } as const;
  expect(waitOf(batch, counts, { ...unknown, noted }, quota)).toMatchObject({
    why: 'the day is at 80 %',
    since: 4,
    until: 99,
  });
  expect(waitOf({ ...batch, priority: 'interactive' }, counts, unknown, quota)).toBeNull();
});

test('items that are to be tried again say when', () => {
  const last = { ...counts, pending: 0, done: 98, retry: 2, nextDueAt: 12 };
  const reason = '2 items to be tried again; the next one after: 503';
  const noted = { cause: 'retry', reason, since: 8, until: 12 } as const;
  const wait = {
    what: 'batch 7',
    since: 8,
    why: reason,
    until: 12,
    frees: 'nothing, it goes on by itself',
  };
  expect(waitOf(batch, last, { ...unknown, noted }, well)).toEqual(wait);
  // The note is of an earlier wait.
  const since = waitOf(batch, { ...last, nextDueAt: 13 }, { ...unknown, noted }, well);
  expect(since).toEqual({ ...wait, why: '2 items to be tried again', until: 13 });
});

test('a limit that waits as the vendor stated is named, with how to end the wait', () => {
  const counted = { name: 'requests', used: 3, limit: 200, source: 'header' };
  const blocked = { ...counted, blockedSince: 6, blockedUntil: 77, blockedReason: '429 slow_down' };
  expect(waitOf(batch, counts, { ...NOTHING_KNOWN, blocked }, quota)).toEqual({
    what: 'batch 7',
    since: 6,
    why: 'the vendor has asked calls of requests to wait: 429 slow_down',
    until: 77,
    frees: 'nothing, it goes on by itself; to try now: `pool unblock texts`',
  });
});

test('a file that does not get on says which, why and when it is tried again, even beside others that do', () => {
  const part = {
    state: 'creating',
    ...{ id: 3, vendorId: null, failures: 2, since: 4, dueInMs: 25 },
    note: 'the list of batches cannot be read',
  } as const;
  const stuck = {
    what: 'part 3 (creating)',
    why: 'the list of batches cannot be read',
    since: 4,
    until: 35,
    frees: 'nothing, it goes on by itself',
  };
  const busy = { ...counts, running: 30 };
  expect(waitOf(batch, busy, { ...NOTHING_KNOWN, part }, well)).toEqual(stuck);
  expect(waitOf({ ...batch, state: 'cancelled' }, busy, { ...NOTHING_KNOWN, part }, well)).toEqual(stuck);
});

test('a file whose next call is held by a limit says so, for the limit holds it for longer', () => {
  const part = {
    state: 'uploaded',
    ...{ id: 3, vendorId: null, failures: 2, since: 4, dueInMs: 25 },
    note: 'no batch is made of the file yet',
  } as const;
  const counted = { name: 'batch-creates', used: 3, limit: 2000, source: 'x', blockedSince: 6 };
  const heldUntil = (blockedUntil: number) =>
    waitOf(
      batch,
      { ...counts, running: 30 },
      {
        ...NOTHING_KNOWN,
        part,
        blocked: { ...counted, blockedUntil, blockedReason: '429' },
      },
      well,
    );
  expect(heldUntil(77)).toMatchObject({
    why: 'the vendor has asked calls of batch-creates to wait: 429',
    ...{ since: 6, until: 77 },
    frees: 'nothing, it goes on by itself; to try now: `pool unblock texts`',
  });
  expect(heldUntil(30)).toMatchObject({ why: 'no batch is made of the file yet', until: 35 });
});

test('a queue that takes no file says until when', () => {
  const queue = { reason: 'token_limit_exceeded', since: 7, until: 60 };
  expect(waitOf(batch, counts, { ...NOTHING_KNOWN, queue }, well)).toMatchObject({ until: 60, since: 7 });
});

test('a limit without room is named with its use, the source of that number, and when there is room', () => {
  const usedUp = { name: 'requests', used: 200, limit: 200, source: 'header', until: 432_000 };
  expect(waitOf(batch, counts, { ...unknown, usedUp }, well)).toMatchObject({
    why: "requests has 200 of 200 used, by the vendor's answers",
    until: 432_000,
  });
  expect(waitOf(batch, { ...counts, running: 1 }, { ...unknown, usedUp }, well)).toBeNull();
});

test('a wait that only the page could know, such as for tokens, is named until its time is over', () => {
  const noted = { cause: 'limit', reason: 'tokens has 900 of 1,000 used', since: 4, until: 12 } as const;
  expect(waitOf(batch, counts, { ...unknown, noted }, well)).toMatchObject({
    ...{ why: 'tokens has 900 of 1,000 used', since: 4, until: 12 },
  });
  expect(waitOf(batch, counts, { ...unknown, noted: { ...noted, until: 9 } }, well)).toBeNull();
  expect(waitOf(batch, { ...counts, running: 1 }, { ...unknown, noted }, well)).toBeNull();
});

test('without a worker nothing goes on, not even what a dead one holds', () => {
  const workless = { since: 2 };
  expect(waitOf(batch, { ...counts, running: 3 }, { ...unknown, workless }, quota)).toEqual({
    ...{ what: 'batch 7', why: 'no worker runs', since: 2, until: null },
    frees: '`start worker`',
  });
});

test('a pool whose probe is out says so', () => {
  const probing = standing({ state: 'half_open', until: null, reason: '429' });
  expect(waitOf(batch, counts, probing, well)).toMatchObject({ since: 3, until: null });
  expect(waitOf(batch, { ...counts, running: 1 }, probing, well)).toBeNull();
});
