import { stringify } from 'yaml';
import { findAccount } from '../../../../activities/accounts';
import {
  checkAskable,
  chooseDataset,
  choosePoolAccount,
  parseChunk,
  parseInstant,
  parseLength,
  parsePriority,
  parseSpan,
  parseUntil,
} from '../../../../client/operations/arguments';
import { demoSpan, earlierSpan } from '../../../../client/operations/demo/demo';
import { UsageError } from '../../../../client/operations/errors';
import { choosePool } from '../../../../client/operations/pools/orders';
import { windowsOf } from '../../../../client/operations/progress';
import { lengthText, relativeText, whenText } from '../../../../client/operations/time-text';
import { parseSettings } from '../../../../settings';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-11-23T23:08:00Z');

const account = (vendor = 'amazon') => ({
  vendor,
  region: 'eu',
  credentials: { clientId: 'env:A', clientSecret: 'env:B', refreshToken: 'env:C' },
  marketplaces: ['A1PA6795UKMFR9'],
  currency: 'EUR',
});

function settingsWith(names: readonly string[]) {
  const text = JSON.stringify({
    accounts: Object.fromEntries(names.map((name) => [name, account()])),
    datasets: names.map((name) => ({ dataset: 'amazon/rt-sales', account: name })),
  });
  return parseSettings(text, { file: null, baseDir: '/', env: {} });
}

describe('times', () => {
  test('a date is midnight UTC; an instant needs its zone', () => {
    expect(parseInstant('--from', '2026-11-01')).toBe(Date.UTC(2026, 10, 1));
    expect(parseInstant('--from', '2026-11-01T06:00Z')).toBe(Date.UTC(2026, 10, 1, 6));
    expect(parseInstant('--from', '2026-11-01T06:00:00+02:00')).toBe(Date.UTC(2026, 10, 1, 4));
  });

  test.each(['2026-13-01', '2026-02-30', 'yesterday', '2026-11-01T06:00', ''])(
    '"%s" is refused by name',
    (text) => {
      expect(() => parseInstant('--from', text)).toThrow(UsageError);
      expect(() => parseInstant('--from', text)).toThrow(
        `--from: "${text}" is not a time; give a date such as`,
      );
    },
  );

  test('a span is on the hour and in order', () => {
    expect(parseSpan('2026-11-01', '2026-11-02')).toEqual({
      from: Date.UTC(2026, 10, 1),
      to: Date.UTC(2026, 10, 2),
    });
    expect(() => parseSpan('2026-11-02', '2026-11-01')).toThrow(
      '--to: 2026-11-01T00:00Z must be after --from',
    );
    expect(() => parseSpan('2026-11-01', '2026-11-01')).toThrow('must be after --from');
    expect(() => parseSpan('2026-11-01T06:30Z', '2026-11-02')).toThrow(
      'give 2026-11-01T06:00Z or 2026-11-01T07:00Z',
    );
  });

  test('lengths and ends', () => {
    expect(parseLength('--chunk', '6h')).toBe(6 * HOUR);
    expect(parseLength('--chunk', '14d')).toBe(14 * DAY);
    for (const text of ['6', '-1h', '0h', 'h', '6 hours']) {
      expect(() => parseLength('--chunk', text)).toThrow(`--chunk: "${text}" is not a length of time`);
    }
    expect(parseUntil('30m', NOW)).toBe(NOW + HOUR / 2);
    expect(parseUntil('2026-11-24', NOW)).toBe(Date.UTC(2026, 10, 24));
    expect(() => parseUntil('2026-11-23', NOW)).toThrow('has passed');
  });
});

describe('what the settings know', () => {
  test('the only account need not be named, one of several has to', () => {
    expect(chooseDataset(settingsWith(['acme']), 'amazon/rt-sales', undefined).account.name).toBe('acme');
    const two = settingsWith(['acme', 'bolt']);
    expect(() => chooseDataset(two, 'amazon/rt-sales', undefined)).toThrow('give one of acme, bolt');
    expect(chooseDataset(two, 'amazon/rt-sales', 'bolt').account.name).toBe('bolt');
  });

  test('unknown names are answered with those that there are', () => {
    const settings = settingsWith(['acme']);
    expect(() => chooseDataset(settings, 'amazon/rt-slaes', undefined)).toThrow(
      'amazon/rt-sales, amazon/rt-traffic',
    );
    expect(() => chooseDataset(settings, 'amazon/rt-sales', 'x')).toThrow(
      '--account: account "x" is not in the settings',
    );
    expect(() => chooseDataset(settings, 'amazon/rt-traffic', undefined)).toThrow('add it under datasets');
    expect(choosePoolAccount(settings, undefined)).toBe('acme');
    expect(choosePoolAccount(settings, 'amazon/acme')).toBe('acme');
    expect(() => choosePoolAccount(settings, 'amazon/x')).toThrow('(pools: amazon/acme)');
    expect(() => parsePriority('high')).toThrow('none of background, scheduled, live, interactive');
  });

  test('a pool is an account’s, by either name, or an organization’s, by its key', () => {
    const texts = { vendor: 'openai', apiKey: 'env:A', organization: 'org-acme' };
    const accounts = { bios: texts, texts, alone: { ...texts, organization: undefined } };
    const settings = parseSettings(stringify({ accounts }), { file: null, baseDir: '/', env: {} });
    const account = { kind: 'account', account: 'bios' };
    expect(choosePool(settings, 'bios')).toEqual(account);
    expect(choosePool(settings, 'openai/bios')).toEqual(account);
    expect(choosePool(settings, 'openai/organization/org-acme')).toMatchObject({
      kind: 'organization',
      organization: { key: 'openai/organization/org-acme' },
    });
    expect(() => choosePool(settings, 'openai/organization/org-other')).toThrow(
      'pool: "openai/organization/org-other" is unknown (pools: openai/bios, openai/texts, openai/alone)',
    );
    expect(findAccount(settings, 'alone').organization).toBeUndefined();
  });

  test('chunks are whole hours and no longer than the vendor makes them', () => {
    const context = chooseDataset(settingsWith(['acme']), 'amazon/rt-sales', undefined);
    expect(parseChunk(context, undefined)).toBeNull();
    expect(parseChunk(context, '6h')).toBe(6);
    for (const text of ['90m', '15d']) expect(() => parseChunk(context, text)).toThrow(`--chunk: "${text}"`);
  });

  test('a span is within the vendor’s reach', () => {
    const context = chooseDataset(settingsWith(['acme']), 'amazon/rt-sales', undefined);
    const at = (text: string) => Date.parse(text);
    const good = { from: at('2026-11-01T00:00Z'), to: at('2026-11-23T22:00Z') };
    expect(checkAskable(context, good, NOW)).toBe(good);
    expect(() => checkAskable(context, { ...good, to: good.to + HOUR }, NOW)).toThrow(
      'the latest is now 2026-11-23T22:00Z',
    );
    expect(() => checkAskable(context, { ...good, from: at('2026-10-01T00:00Z') }, NOW)).toThrow(
      'the earliest hour is now 2026-10-25T00:00Z',
    );
  });
});

describe('the demo’s span', () => {
  const context = chooseDataset(settingsWith(['acme']), 'amazon/rt-sales', undefined);

  test.each([0, 1, 29, 59])(
    '30 days are 120 windows that the vendor still has, at minute %i of the hour',
    (minute) => {
      const now = Date.parse('2026-11-23T23:00:00Z') + minute * 60_000;
      const span = demoSpan(context, 30, now);
      expect(windowsOf(span, 6 * HOUR)).toHaveLength(120);
      expect(span.from).toBeGreaterThanOrEqual(now - 30 * DAY + 2 * HOUR);
      expect(span.to).toBeLessThanOrEqual(now - HOUR);
    },
  );

  test('an earlier run goes on, unless it can no longer be completed or is of another length', () => {
    const span = demoSpan(context, 30, NOW);
    const record = { ...span, startedAt: NOW, simulatorPort: 1, refused: false };
    expect(earlierSpan(record, 30, false, span.from)).toEqual(span);
    expect(earlierSpan(record, 30, false, span.from + HOUR)).toBeNull();
    expect(earlierSpan(record, 30, true, span.from + HOUR)).toEqual(span);
    expect(earlierSpan(record, 5, true, span.from)).toBeNull();
    expect(earlierSpan(null, 30, false, span.from)).toBeNull();
  });
});

describe('times for people', () => {
  test('two units at most', () => {
    expect([850, 12_000, 250_000, 2 * HOUR + 300_000, 76 * HOUR].map(lengthText)).toEqual([
      '850 ms',
      '12 s',
      '4 min 10 s',
      '2 h 5 min',
      '3 d 4 h',
    ]);
  });

  test('before, now and after', () => {
    expect(relativeText(NOW + 12 * 60_000, NOW)).toBe('in 12 min');
    expect(relativeText(NOW - 3 * HOUR, NOW)).toBe('3 h ago');
    expect(relativeText(NOW, NOW)).toBe('now');
    expect(whenText(NOW, NOW - 1000)).toBe('2026-11-23 23:08:00 UTC (in 1 s)');
  });
});
