import { isWaitNews, type ReportedWait } from '../../../../quota/pools/reported-waits';

const S = 1000;
const MIN = 60 * S;
const NOW = 100 * MIN;
const day = { cause: 'limit', subject: 'a/day' };
const tokens = { cause: 'limit', subject: 'a/tokens' };
const reported = (at: number, until: number): ReportedWait => ({ ...day, at, until });

test.each<[string, ReportedWait | null, typeof day, number | null, boolean]>([
  ['the first', null, day, NOW + 10 * S, true],
  ['the first, of unknown length', null, day, null, true],
  ['the pace of a limit', null, day, NOW + S, false],
  ['the same that goes on', reported(NOW - MIN, NOW + MIN), day, NOW + 2 * MIN, false],
  ['a short one again within the hour', reported(NOW - 10 * MIN, NOW - 9 * MIN), day, NOW + 10 * S, false],
  ['a short one again after an hour', reported(NOW - 60 * MIN, NOW - 59 * MIN), day, NOW + 10 * S, true],
  ['a long one again, after the end of the last', reported(NOW - 5 * MIN, NOW), day, NOW + MIN, true],
  ['another long one at once', reported(NOW - S, NOW + MIN), tokens, NOW + MIN, true],
  ['another short one at once', reported(NOW - S, NOW + MIN), tokens, NOW + 5 * S, false],
  ['another short one after a minute', reported(NOW - MIN, NOW), tokens, NOW + 5 * S, true],
])('%s', (_, last, wait, until, expected) => {
  expect(isWaitNews(last, wait, until, NOW)).toBe(expected);
});
