/** Texts for who spent how many calls: a table for one pool, one line in a list of pools. */
import { MINUTE_MS } from '../../../quota/durations';
import type { LimitStatus } from '../../../store/permits/permits';
import type { PoolReport } from '../../operations/pools/report';
import type { Frequency, Share } from '../../operations/pools/spending';
import { amountText, countText, isoOrNull, lengthText, pluralText } from '../../operations/time-text';
import { print, table } from '../output';

/** More limits of one name than this (one for each device) are shown by the fullest of them. */
const MANY = 4;

/** One line for each limit; of many with one name, the fullest, with how many there are. */
export function limitLines(
  limits: readonly LimitStatus[],
): { readonly title: string; readonly limit: LimitStatus }[] {
  const byName = new Map<string, LimitStatus[]>();
  for (const limit of limits) byName.set(limit.name, [...(byName.get(limit.name) ?? []), limit]);
  return [...byName].flatMap(([name, all]) => {
    const [first] = all;
    if (first === undefined) return [];
    if (all.length === 1) return [{ title: sharedTitle(name, first), limit: first }];
    if (all.length <= MANY) return all.map((limit) => ({ title: `${name} of ${scopeText(limit)}`, limit }));
    const fullest = all.reduce((a, b) => (b.used / b.limit > a.used / a.limit ? b : a));
    return [{ title: `${name} (fullest of ${countText(all.length)})`, limit: fullest }];
  });
}

function sharedTitle(name: string, { pools }: LimitStatus): string {
  return pools.length > 1 ? `${name} (shared by ${countText(pools.length)} pools)` : name;
}

/** What stands between the vendor and the limit's name in its key. */
function scopeText({ key }: LimitStatus): string {
  return key.split('/').slice(1, -1).map(decodeURIComponent).join('/');
}

/** `Spent in the last hour: gps-data 40 %, …`; nothing when nothing was. */
export function printSpendingLine({ spending }: PoolReport): void {
  const { hour } = spending;
  if (hour.length === 0) return;
  const byCaller = new Map<string, number>();
  for (const { caller, share } of hour) byCaller.set(caller, (byCaller.get(caller) ?? 0) + share);
  const calls = hour.reduce((sum, s) => sum + s.calls, 0);
  const most = [...byCaller].sort(([, a], [, b]) => b - a);
  const parts = most.map(([caller, share]) => `${caller} ${percentText(share)}`);
  print(`  Last hour: ${pluralText(calls, 'call')}, of which ${parts.join(', ')}`);
}

export function printSpending({ spending, frequencies, limits }: PoolReport): void {
  const { hour, day } = spending;
  if (day.length === 0) {
    print('No calls in the last day.');
    return;
  }
  print('Who spent what:');
  const of = (all: readonly Share[], { caller, operation }: Share) => {
    const found = all.find((s) => s.caller === caller && s.operation === operation);
    return [countText(found?.calls ?? 0), percentText(found?.share ?? 0)];
  };
  print(
    table(
      ['caller', 'operation', 'last hour', 'share', 'last day', 'share'],
      day.map((s) => [s.caller, s.operation, ...of(hour, s), ...of(day, s)]),
    ),
  );
  print('Calls a minute:');
  const row = (what: string, { name, perMinute, busiest }: Frequency) => [
    what,
    name,
    perMinute === null ? 'not counted' : amountText(perMinute),
    busiest === null ? 'by what it matches' : countText(busiest),
  ];
  const named = new Set(limits.map((limit) => limit.name));
  print(
    table(
      ['', 'name', 'last 10 min', 'busiest of the hour'],
      [
        ...frequencies.callers.map((f) => row('caller', f)),
        ...frequencies.limits.filter((f) => named.has(f.name)).map((f) => row('limit', f)),
      ],
    ),
  );
}

function percentText(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** An event about a limit as text; null for events of other kinds. */
export function limitEventText(kind: string, data: Readonly<Record<string, unknown>>): string | null {
  const text = (name: string) => (data[name] === undefined || data[name] === null ? '' : String(data[name]));
  const number = (name: string) => Number(data[name] ?? Number.NaN);
  const code = text('code') === '' ? '' : ` with ${text('code')}`;
  switch (kind) {
    case 'limit.refused':
      return (
        `${text('subject')}: ${text('operation')} of ${text('caller')} refused${code}, ` +
        `all wait ${amountText(number('waitMs') / 1000)} s${number('strikes') > 1 ? `, ${text('strikes')} in a row` : ''}`
      );
    case 'limit.spent':
      return `${text('limit')}: used up, as ${text('operation')} of ${text('caller')} was answered${code} (until ${isoOrNull(number('until'))})`;
    case 'limit.alert':
      return (
        `${text('subject')}: refused ${text('refusals')} times in ${amountText(number('windowMs') / MINUTE_MS)} min, ` +
        `last ${text('operation')} of ${text('caller')}${code}`
      );
    case 'limit.learned': {
      const rate =
        data.ratePerSecond === undefined ? '' : ` at ${amountText(number('ratePerSecond'))} a second`;
      return `${text('limit')}: the vendor allows ${countText(number('capacity'))}${rate}`;
    }
    case 'limit.unblocked': {
      const why = text('reason') === '' ? '' : `: ${text('reason')}`;
      return `${text('limit')}: ${text('by')} has ended its wait until ${isoOrNull(number('was'))}${why}`;
    }
    case 'limit.reset': {
      const why = text('reason') === '' ? '' : `: ${text('reason')}`;
      return `${text('limit')}: ${text('by')} has put back what lay in the future${why}`;
    }
    case 'limit.clock_ahead':
      return `${text('limit')}: lay ${lengthText(number('aheadMs'))} in the future, and was put back`;
    case 'pool.clock_ahead':
      return `lay ${lengthText(number('aheadMs'))} in the future, and was put back`;
    case 'rows.clock_ahead':
      return `${countText(number('rows'))} rows of ${text('table')} lay ${lengthText(number('aheadMs'))} in the future, and were put back`;
    case 'clock.stepped': {
      const ms = number('stepMs');
      return `the database's clock was set ${ms < 0 ? 'back' : 'forward'} by ${lengthText(Math.abs(ms))}; all waits have moved with it`;
    }
    case 'settings.published':
      return `generation ${number('generation')} of the settings, by ${text('by')}`;
    case 'settings.superseded':
      return `those of ${text('by')} change nothing: ${text('publishedBy')} has published later ones (generation ${number('generation')})`;
    case 'limit.reserve': {
      const until = isoOrNull(data.until === null ? null : number('until'));
      return (
        `${text('limit')}: ${text('priority')} work pauses, the rest is kept for what is more important` +
        (until === null ? '' : ` (until ${until})`)
      );
    }
    default:
      return null;
  }
}
