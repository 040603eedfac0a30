import { isOfItemAlone } from '../../../../quota/pools/item-doubt';

test.each([
  [null, null, false],
  [null, 5, false],
  [5, null, false],
  [5, 4, false],
  [5, 6, true],
])('refused since %p, others accepted at %p: of this one alone is %p', (refused, accepted, expected) => {
  expect(isOfItemAlone(refused, accepted)).toBe(expected);
});
