import { quotaScope, strikeOf } from '../../../../quota/pools/quota-doubt';

const COUNT = { used: 100, capacity: 1500 };
const AT = 1_000_000;
const SECOND = 1000;

describe('a refusal that may mean one device or the whole account', () => {
  test('the first one is taken for the device’s, a second leaves it open, a third is the account’s', () => {
    expect([1, 2, 3, 4].map((strike) => quotaScope(strike, COUNT))).toEqual([
      'narrow',
      'unsure',
      'pool',
      'pool',
    ]);
  });

  test('where our own count of the account is at its end, the first one is the account’s', () => {
    expect(quotaScope(1, { used: 1425, capacity: 1500 })).toBe('pool');
    expect(quotaScope(1, { used: 1424, capacity: 1500 })).toBe('narrow');
  });

  test('an account that nothing is counted of says nothing', () => {
    expect(quotaScope(1, { used: 0, capacity: 0 })).toBe('narrow');
  });
});

describe('which refusal in a row it is', () => {
  const first = { strike: 1, notedAt: AT };
  const second = { strike: 2, notedAt: AT + 5 * SECOND };

  test('the first where nothing was refused since the last accepted call', () => {
    expect(strikeOf([], AT)).toBe(1);
  });

  test('the same as before when its call left before that one was known', () => {
    expect(strikeOf([first], AT - 1)).toBe(1);
    expect(strikeOf([first, { strike: 1, notedAt: AT + 50 }], AT + 20)).toBe(2);
    expect(strikeOf([first], AT + 1)).toBe(2);
  });

  test('the third only when the account’s other calls have had a minute to be answered', () => {
    expect(strikeOf([first, second], AT + 30 * SECOND)).toBe(2);
    expect(strikeOf([first, second, { strike: 2, notedAt: AT + 30 * SECOND }], AT + 66 * SECOND)).toBe(3);
  });
});
