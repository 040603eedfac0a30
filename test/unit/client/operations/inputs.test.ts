import { stringify } from 'yaml';
import { z } from 'zod';
import { csvOf, planBatchFromRows } from '../../../../client/operations/batches/rows';
import { windowsOf } from '../../../../client/operations/datasets/progress';
import { checkSpanWork } from '../../../../client/operations/datasets/span-work';
import { demoSpan, earlierSpan } from '../../../../client/operations/demo/demo';
import { OperationError } from '../../../../client/operations/errors';
import {
  age,
  hour,
  inOrder,
  instant,
  length,
  lengthRange,
  priority,
  quotedLength,
  spanOrNone,
  until,
  whole,
} from '../../../../client/operations/fields';
import { checkInput } from '../../../../client/operations/operation';
import { changeLimit } from '../../../../client/operations/pools/limits';
import { chooseDataset, choosePool, choosePoolAccount } from '../../../../client/operations/settings/choose';
import { lengthText, relativeText, whenText } from '../../../../client/operations/time-text';
import { parseSettings } from '../../../../settings';
import { findAccount } from '../../../../settings/accounts/accounts';

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

/** What a use case says of one field. */
function read(kind: z.ZodType, value: unknown): unknown {
  return checkInput(z.strictObject({ field: kind }), { field: value }).field;
}

test.each([
  [z.enum(['GET', 'POST']), 'TRACE', '"TRACE" is none of GET, POST'],
  [z.union([z.string(), z.number()]), true, 'true must be text or a number'],
  [z.union([z.boolean(), z.array(z.string())]), 'x', '"x" must be true or false or a list'],
  [z.string().max(3), 'abcd', '"abcd" must have at most 3 characters'],
  [z.array(z.string()).min(2), ['a'], 'must have at least 2 entries'],
  [z.number().positive(), 0, '0 must be more than 0'],
  [z.record(z.string(), z.string()), [], 'must be an object'],
])('a field without words of its own says what would be right', (kind, value, message) => {
  expect(() => read(kind, value)).toThrow(`field: ${message}`);
});

describe('times', () => {
  test('a date is midnight UTC; an instant needs its zone', () => {
    expect(read(instant, '2026-11-01')).toBe(Date.UTC(2026, 10, 1));
    expect(read(instant, '2026-11-01T06:00Z')).toBe(Date.UTC(2026, 10, 1, 6));
    expect(read(instant, '2026-11-01T06:00:00+02:00')).toBe(Date.UTC(2026, 10, 1, 4));
  });

  test.each(['2026-13-01', '2026-02-30', 'yesterday', '2026-11-01T06:00', ''])(
    '"%s" is refused by field and value',
    (text) => {
      expect(() => read(instant, text)).toThrow(OperationError);
      expect(() => read(instant, text)).toThrow(`field: "${text}" is not a time; give a date such as`);
    },
  );

  test('a span is on the hour and in order', () => {
    const span = (from: string, to: string) =>
      inOrder(checkInput(z.strictObject({ from: hour, to: hour }), { from, to }));
    expect(span('2026-11-01', '2026-11-02')).toEqual({
      from: Date.UTC(2026, 10, 1),
      to: Date.UTC(2026, 10, 2),
    });
    expect(() => span('2026-11-02', '2026-11-01')).toThrow('to: 2026-11-01T00:00Z must be after `from`');
    expect(() => span('2026-11-01', '2026-11-01')).toThrow('must be after `from`');
    expect(() => span('2026-11-01T06:30Z', '2026-11-02')).toThrow(
      'from: "2026-11-01T06:30Z" is not on the hour; give 2026-11-01T06:00Z or 2026-11-01T07:00Z',
    );
  });

  test('both ends of a span or neither', () => {
    expect(spanOrNone({})).toBeNull();
    expect(() => spanOrNone({ from: 0 })).toThrow('to: is missing; give both `from` and `to`, or neither');
    expect(() => spanOrNone({ to: 0 })).toThrow('from: is missing');
  });

  test('lengths, their ranges, and ends to come', () => {
    expect(read(length, '6h')).toBe(6 * HOUR);
    expect(read(length, '14d')).toBe(14 * DAY);
    for (const text of ['6', '-1h', '0h', 'h', '6 hours']) {
      expect(() => read(length, text)).toThrow(`field: "${text}" is not a length of time`);
    }
    expect(read(lengthRange, '15s..5m')).toEqual({ min: 15_000, max: 300_000 });
    expect(read(lengthRange, '1m')).toEqual({ min: 60_000, max: 60_000 });
    for (const text of ['5m..15s', '1s..2s..3s', '..', '1s..x']) {
      expect(() => read(lengthRange, text)).toThrow(`"${text}" must be a shortest and a longest time`);
    }
    const before = Date.now();
    expect(Number(read(until, '30m')) - before).toBeGreaterThanOrEqual(HOUR / 2);
    expect(read(until, '2126-11-24')).toBe(Date.UTC(2126, 10, 24));
    expect(() => read(until, '2026-01-01')).toThrow('has passed');
    expect(() => read(until, 'soon')).toThrow('"soon" is not a time');
    // Longer than any date goes.
    for (const text of ['36501d', '999999999d', `${'9'.repeat(400)}s`]) {
      for (const kind of [length, until, age, quotedLength]) {
        expect(() => read(kind, text)).toThrow(/ is too long; at most 36500d \(a hundred years\) are taken/);
      }
      expect(() => read(lengthRange, `1s..${text}`)).toThrow('must be a shortest and a longest time');
    }
    expect(new Date(Number(read(until, '36500d'))).toISOString()).toMatch(/^\d{4}-/);
  });
});

describe('an input', () => {
  const schema = z.strictObject({
    from: instant,
    count: whole(1, 9).optional(),
    priority: priority.optional(),
    password: z.string().meta({ writeOnly: true }).optional(),
  });
  const problems = (given: unknown) => {
    try {
      checkInput(schema, given);
      return [];
    } catch (error) {
      return (error as OperationError).problems;
    }
  };

  test('reports every mistake at once, each by code, field and value', () => {
    expect(problems({ count: 10, priority: 'high', device: 'x' })).toEqual([
      { code: 'MISSING_INPUT', field: 'from', message: 'is missing' },
      { code: 'INVALID_INPUT', field: 'count', message: '10 must be a whole number from 1 to 9' },
      {
        code: 'INVALID_INPUT',
        field: 'priority',
        message: '"high" is none of background, scheduled, live, interactive',
      },
      {
        code: 'UNKNOWN_FIELD',
        field: 'device',
        message: 'is not known (fields: from, count, priority, password)',
      },
    ]);
  });

  test.each([
    [null, 'null must be text'],
    [7, '7 must be text'],
    [{}, 'must be text'],
    ['x'.repeat(500), `"${'x'.repeat(198)}… is not a time`],
  ])('of another type or of great length is said in words: %j', (from, message) => {
    expect(problems({ from })[0]?.message).toContain(message);
  });

  test('of very many mistakes the first are listed, and how many more were found', () => {
    const unknown = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`f${i}`, i]));
    const found = problems({ from: '2026-11-01', ...unknown });
    expect([found.length, found[0]?.field, found[49]?.field]).toEqual([51, 'f0', 'f49']);
    expect(found[50]).toEqual({ code: 'UNKNOWN_FIELD', field: null, message: 'and 19,950 more mistakes' });
    const unfit = Object.fromEntries(Object.keys(unknown).map((name) => [name, '\0']));
    expect(problems({ from: '2026-11-01', ...unfit })[50]?.message).toBe('and 19,950 more mistakes');
  });

  test('of a long list the beginning is checked first, and the rest when that is right', () => {
    const request = { kind: 'openai/bios', account: 'texts', model: 'x', prompt: 'x' };
    const wrongAt = (rows: unknown) => {
      try {
        checkInput(planBatchFromRows.input, { ...request, rows });
        return null;
      } catch (error) {
        return (error as OperationError).problems.map(({ field, message }) => field ?? message);
      }
    };
    const right = Array.from({ length: 5_000 }, (_, i) => ({ id: `${i}` }));
    expect(wrongAt(right)).toBeNull();
    expect(wrongAt([...right, 'x', 7])).toEqual(['rows.5000', 'rows.5001']);
    expect(wrongAt(right.map(({ id }) => id))?.slice(48)).toEqual([
      ...['rows.48', 'rows.49', 'and 950 more mistakes'],
    ]);
  });

  test('rows of which each has a name of its own are no table', () => {
    expect(csvOf([{ a: 1 }, { b: 'x"' }])).toBe(['"a","b"', '"1",""', '"","x"""', ''].join('\n'));
    const keyed = Array.from({ length: 100_000 }, (_, i) => ({ [`artist${i}`]: 'Ann' }));
    expect(() => csvOf(keyed)).toThrow(
      'rows: have 100,000 different names in 100,000 rows; at most 1,000 names and 12,000,000 cells make a table',
    );
    const sparse = keyed.map((_, i) => ({ [`artist${i % 200}`]: 'Ann' }));
    expect(() => csvOf(sparse)).toThrow('rows: have 200 different names in 100,000 rows');
  });

  test('a secret is never repeated', () => {
    expect(problems({ from: '2026-11-01', password: 4711 })).toEqual([
      { code: 'INVALID_INPUT', field: 'password', message: 'must be text' },
    ]);
  });

  test('numbers may come in digits', () => {
    expect(checkInput(schema, { from: '2026-11-01', count: '7' }).count).toBe(7);
    for (const count of ['0', '1.5', '-1', 'x', 2.5])
      expect(problems({ from: '2026-11-01', count })).toHaveLength(1);
  });

  test.each([0, 0.5, 2.5])('a limit that is changed has a whole capacity, which %j is not', (capacity) => {
    const given = { pool: 'acme', limit: 'calls', capacity, reason: 'a test' };
    expect(() => checkInput(changeLimit.input, given)).toThrow('must be a whole number, at least 1');
  });

  test.each([undefined, null, 'x', []])('%j is no input', (given) => {
    expect(problems(given)).toEqual([{ code: expect.any(String), field: null, message: expect.any(String) }]);
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
      'account: account "x" is not in the settings',
    );
    expect(() => chooseDataset(settings, 'amazon/rt-traffic', undefined)).toThrow('add it under datasets');
    expect(choosePoolAccount(settings, undefined)).toBe('acme');
    expect(choosePoolAccount(settings, 'amazon/acme')).toBe('acme');
    expect(() => choosePoolAccount(settings, 'amazon/x')).toThrow('(pools: amazon/acme)');
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

  const work = (change: object) =>
    checkSpanWork(
      settingsWith(['acme']),
      { dataset: 'amazon/rt-sales', from: at('2026-11-01T00:00Z'), to: at('2026-11-23T22:00Z'), ...change },
      'backfill',
      NOW,
    );
  const at = (text: string) => Date.parse(text);

  test('chunks are whole hours and no longer than the vendor makes them', () => {
    expect(work({})).toMatchObject({ kind: 'reports', chunkHours: null, priority: null });
    expect(work({ chunk: { text: '6h', ms: 6 * HOUR } }).chunkHours).toBe(6);
    for (const chunk of [
      { text: '90m', ms: 1.5 * HOUR },
      { text: '15d', ms: 15 * DAY },
    ]) {
      expect(() => work({ chunk })).toThrow(`chunk: "${chunk.text}" must be whole hours and at most`);
    }
    expect(() => read(quotedLength, '6 hours')).toThrow('"6 hours" is not a length of time');
  });

  test('a span is within the vendor’s reach', () => {
    expect(work({})).toMatchObject({ from: at('2026-11-01T00:00Z'), to: at('2026-11-23T22:00Z') });
    expect(() => work({ to: at('2026-11-23T23:00Z') })).toThrow(/^to: .*the latest is now 2026-11-23T22:00Z/);
    expect(() => work({ from: at('2026-10-01T00:00Z') })).toThrow(
      /^from: .*the earliest hour is now 2026-10-25T00:00Z/,
    );
  });

  test('devices are a fleet’s', () => {
    expect(() => work({ devices: ['1'] })).toThrow('devices: does not apply to amazon/rt-sales');
    expect(work({ devices: [] })).toMatchObject({ kind: 'reports' });
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
