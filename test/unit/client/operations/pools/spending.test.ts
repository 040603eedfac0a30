import { limitEventText, limitLines } from '../../../../../client/cli/pools/spending-view';
import { frequencies, shares } from '../../../../../client/operations/pools/spending';
import type { LimitStatus } from '../../../../../store/permits/permits';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 4, 5, 12, 0, 30);
const THIS = Date.UTC(2026, 4, 5, 12);

describe('who spent what', () => {
  test('adds up verdicts and puts whoever spent most first', () => {
    const count = (caller: string, operation: string, verdict: string, calls: number) => ({
      caller,
      operation,
      verdict,
      calls,
    });
    expect(
      shares([
        count('gps-data', 'lastposition', 'ok', 55),
        count('gps-data', 'lastposition', 'rate', 5),
        count('gps-data', 'querymonitorlist', 'ok', 10),
        count('execute-vehicle-command', 'sendcmd', 'ok', 130),
      ]),
    ).toEqual([
      { caller: 'execute-vehicle-command', operation: 'sendcmd', calls: 130, share: 0.65 },
      { caller: 'gps-data', operation: 'lastposition', calls: 60, share: 0.3 },
      { caller: 'gps-data', operation: 'querymonitorlist', calls: 10, share: 0.05 },
    ]);
  });

  test('is nobody when nothing was called', () => {
    expect(shares([])).toEqual([]);
  });
});

describe('how often', () => {
  const call = (ago: number, pool: string, caller: string, operation: string, calls: number) => ({
    pool,
    minute: THIS - ago * MINUTE,
    caller,
    operation,
    calls,
  });
  const counts = [
    call(0, 'gps/a', 'gps-data', 'lastposition', 100),
    call(1, 'gps/a', 'gps-data', 'lastposition', 1),
    call(10, 'gps/a', 'gps-data', 'lastposition', 4),
    call(11, 'gps/a', 'sync-trips-incremental', 'querytrips', 9),
    call(2, 'gps/b', 'gps-history-backfill', 'querytracks', 5),
  ];

  test('counts the last ten whole minutes, and the busiest of all that are given', () => {
    expect(frequencies(counts, 'gps/a', [], NOW).callers).toEqual([
      { name: 'gps-data', perMinute: 0.5, busiest: 100 },
      { name: 'sync-trips-incremental', perMinute: 0, busiest: 9 },
    ]);
  });

  test('counts under a limit what falls under it, in all pools that share it', () => {
    const limits = [
      { name: 'ip-per-minute', operations: '*', pools: ['gps/a', 'gps/b'] },
      { name: 'trajectory', operations: ['querytrips', 'querytracks'], pools: ['gps/a'] },
    ] as const;
    expect(frequencies(counts, 'gps/a', limits, NOW).limits).toEqual([
      { name: 'ip-per-minute', perMinute: 1, busiest: 100 },
      { name: 'trajectory', perMinute: 0, busiest: 9 },
    ]);
  });
});

describe('how often, of calls that a limit matches', () => {
  const call = (caller: string, operation: string, calls: number) => ({
    ...{ pool: 'amazon/a', minute: THIS - MINUTE, caller, operation, calls },
  });
  const counts = [call('sales', 'create', 10), call('traffic', 'create', 20), call('login', 'login', 40)];
  const types: Readonly<Record<string, string>> = { sales: 'S', traffic: 'T' };
  const limit = {
    ...{ name: 'of-sales', operations: ['create'], pools: ['amazon/a'], match: { reportType: ['S'] } },
  };
  const of = (operations: readonly string[] | '*') =>
    frequencies(counts, 'amazon/a', [{ ...limit, operations }], NOW, ({ caller }) => {
      const reportType = types[caller];
      return reportType === undefined ? {} : { reportType };
    }).limits;

  test('counts those alone', () => {
    expect(of(['create'])).toEqual([{ name: 'of-sales', perMinute: 1, busiest: 10 }]);
  });

  test('or counts nothing where it is not known of each call whether the limit matches it', () => {
    expect(of('*')).toEqual([{ name: 'of-sales', perMinute: null, busiest: null }]);
  });
});

describe('limits beside a pool', () => {
  const limit = (name: string, scope: string, used: number, pools = ['gps/a']): LimitStatus => ({
    key: `gps/${scope}/${name}`,
    pools,
    name,
    unit: 'calls',
    kind: 'calendar',
    limit: 5,
    used,
    left: 5 - used,
    resetsAt: null,
    blockedUntil: null,
    blockedSince: null,
    blockedReason: '',
    source: 'test',
    mode: 'enforce',
    ratePerSecond: null,
    periodMs: null,
    grantedCalls: 0,
    grantedUnits: 0,
    shadowOver: 0,
  });

  test('are one line each; of a fleet the fullest stands for all', () => {
    const devices = Array.from({ length: 2665 }, (_, i) => limit('device', `a/${i}`, i === 1000 ? 4 : 1));
    const lines = limitLines([
      limit('ip', 'default', 3, ['gps/a', 'gps/b']),
      ...devices,
      limit('user', 'a%2Fx', 1),
      limit('user', 'y', 2),
    ]);
    expect(lines.map((line) => [line.title, line.limit.used])).toEqual([
      ['ip (shared by 2 pools)', 3],
      ['device (fullest of 2,665)', 4],
      ['user of a/x', 1],
      ['user of y', 2],
    ]);
  });
});

test.each([
  [
    'limit.refused',
    {
      subject: 'gps/ip',
      operation: 'lastposition',
      caller: 'gps-data',
      code: '8902',
      waitMs: 2040,
      strikes: 2,
    },
    'gps/ip: lastposition of gps-data refused with 8902, all wait 2 s, 2 in a row',
  ],
  [
    'limit.refused',
    { subject: 'gps/ip', operation: 'lastposition', caller: 'gps-data', waitMs: 1000, strikes: 1 },
    'gps/ip: lastposition of gps-data refused, all wait 1 s',
  ],
  [
    'limit.alert',
    {
      subject: 'gps/ip',
      refusals: 3,
      windowMs: 600_000,
      operation: 'sendcmd',
      caller: 'commands',
      code: '8902',
    },
    'gps/ip: refused 3 times in 10 min, last sendcmd of commands with 8902',
  ],
  ['limit.learned', { limit: 'gps/a/day', capacity: 14_765 }, 'gps/a/day: the vendor allows 14,765'],
  [
    'limit.reserve',
    { limit: 'gps/a/day', priority: 'background', until: Date.UTC(2026, 4, 6) },
    'gps/a/day: background work pauses, the rest is kept for what is more important (until 2026-05-06T00:00:00.000Z)',
  ],
  ['pool.open', { reason: 'x' }, null],
])('%s in words', (kind, data, text) => {
  expect(limitEventText(kind, data)).toBe(text);
});
