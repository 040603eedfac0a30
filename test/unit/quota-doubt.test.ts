import { quotaScope } from '../../quota/quota-doubt';

const level = { used: 100, capacity: 1500 };

describe('a refusal that may mean one device or the whole account', () => {
  test('the first one is taken for the device’s', () => {
    expect(quotaScope({ ...level, refusedInARow: 1 })).toBe('narrow');
  });

  test('a second device’s, with nothing accepted between, leaves it open', () => {
    expect(quotaScope({ ...level, refusedInARow: 2 })).toBe('unsure');
  });

  test('a third one’s is the account’s', () => {
    for (const refusedInARow of [3, 4]) expect(quotaScope({ ...level, refusedInARow })).toBe('pool');
  });

  test('where our own count of the account is at its end, the first one is', () => {
    expect(quotaScope({ used: 1425, capacity: 1500, refusedInARow: 1 })).toBe('pool');
    expect(quotaScope({ used: 1424, capacity: 1500, refusedInARow: 1 })).toBe('narrow');
  });

  test('an account that nothing is counted of says nothing', () => {
    expect(quotaScope({ used: 0, capacity: 0, refusedInARow: 1 })).toBe('narrow');
  });
});
