import { lineRetryMs } from '../../../../quota/batches/line-retry';

const rate = { baseMs: 60_000, maxMs: 300_000, attempts: 6 };
const server = { baseMs: 500, maxMs: 4_000, attempts: 5 };
const MINUTE = 60_000;

test.each([
  ['doubles from the policy’s first wait, to an hour', rate, null, [1, 2, 4, 8, 16, 32, 60, 60]],
  ['begins with four times the time to a file’s first poll', server, null, [1, 2, 4, 8, 16]],
  [
    'takes the vendor’s wait for the first try, and no less than it',
    rate,
    30 * MINUTE,
    [30, 30, 30, 30, 30, 32, 60],
  ],
  ['grows beyond a short wait that the vendor states every time', rate, 1_000, [1 / 60, 2, 4, 8]],
])('a refused line’s next try %s', (_, policy, stated, minutes) => {
  const waits = minutes.map((__, before) => lineRetryMs(policy, before, stated, 15_000, 0) / MINUTE);
  expect(waits).toEqual(minutes);
});
