import { limitWaitText, standBackText } from '../../../../quota/limits/limit-wait';

const LIMIT = {
  name: 'requests',
  used: 4999,
  limit: 5000,
  source: 'a guide',
  blockedUntil: null,
  blockedReason: '',
};

test('why calls of a limit wait: its size, or that refusals have slowed it, or a wait that the vendor has stated', () => {
  expect(limitWaitText(LIMIT)).toBe('requests has 4,999 of 5,000 used, by a guide');
  expect(limitWaitText({ ...LIMIT, loweredRate: 1 / 322 })).toMatch(
    /^requests is used at one in 322 s, for the vendor/,
  );
  expect(limitWaitText({ ...LIMIT, loweredRate: 2.5 })).toMatch(/at 2 a second/);
  const blocked = { blockedUntil: 5, blockedReason: '429 slow', loweredRate: 1 };
  expect(limitWaitText({ ...LIMIT, ...blocked })).toBe(
    'the vendor has asked calls of requests to wait: 429 slow',
  );
});

test('who goes first: calls that wait for it, and whom the rest is kept for', () => {
  const full = 'requests has 4,999 of 5,000 used, by a guide';
  expect(limitWaitText({ ...LIMIT, kept: 1000, claimedBy: 'interactive' })).toBe(
    `${full}; interactive calls wait for it and go first`,
  );
  const reserved = { ...LIMIT, kind: 'calendar', used: 4000, kept: 1000 };
  expect(limitWaitText(reserved)).toBe(
    'requests has 4,000 of 5,000 used, by a guide; the rest (1,000) is kept for more important work',
  );
  // Room for everybody, none for anybody, none kept, and a pace that comes back all the time.
  for (const waited of [{ used: 3999 }, { used: 5000 }, { kept: 0 }, { kind: 'bucket' }]) {
    expect(standBackText({ ...reserved, ...waited })).toBeNull();
  }
});
