/** Any text at all: a wait or none, soon, and never an error. */

import { parseGoDuration, parseLoneWait, parseRetryAfter, parseWaitText } from '../../../quota/waits';
import { processorMs } from '../../support/processes/processor-time';
import fc from '../../support/run/properties';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

describe('whatever arrives', () => {
  const sound = (wait: { ms: number } | null) =>
    wait === null || (Number.isSafeInteger(wait.ms) && wait.ms >= 1);
  const pieces = fc.constantFrom(
    ...[
      'retry',
      ' in ',
      'after ',
      '30',
      '9',
      's',
      'ms',
      ' minutes',
      ':',
      '.',
      ',',
      '-',
      'P',
      'T',
      'Z',
      ' ',
      '\n',
      'µs',
    ],
    ...[
      '00:13:18',
      '08:15 UTC',
      '24:00 Europe/Berlin',
      'until ',
      '2時間',
      '2026-11-24T00:00:00Z',
      'an hour',
      '$',
      '/',
      'again',
      'wait',
      'retry_after_ms=',
      '\u{1f600}',
    ],
  );
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 40 }).map((p) => p.join('')),
  );

  test('text gives null or a whole number of milliseconds, at least 1', () => {
    fc.assert(
      fc.property(hostile, fc.option(fc.double(), { nil: undefined }), (text, now) => {
        sound(parseWaitText(text, now));
        sound(parseLoneWait(text, now));
      }),
      { numRuns: 5000 },
    );
  });

  test('headers give null or a whole number of milliseconds, at least 1', () => {
    const value = fc.option(
      fc.oneof(
        hostile,
        fc.double().map(String),
        fc.date({ noInvalidDate: true }).map((d) => d.toUTCString()),
      ),
      {
        nil: undefined,
      },
    );
    fc.assert(
      fc.property(
        fc.record({ 'retry-after': value, 'Retry-After-Ms': value, other: value }),
        fc.double(),
        (headers, now) => sound(parseRetryAfter(headers, now)),
      ),
      { numRuns: 3000 },
    );
  });

  test('a Go duration is never negative or NaN', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const ms = parseGoDuration(text);
        return ms === null || (Number.isFinite(ms) && ms >= 0);
      }),
    );
  });

  test('what a vendor prints is read back in full', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 6 * 24 * 3600 }),
        fc.constantFrom('Try again in ', 'Please retry after ', 'wait '),
        (n, cue) => {
          const two = (x: number) => String(x).padStart(2, '0');
          const [h, m, s] = [Math.floor(n / 3600), Math.floor(n / 60) % 60, n % 60];
          for (const form of [
            `${n} seconds`,
            `${n}s`,
            `${two(h)}:${two(m)}:${two(s)}`,
            `${h}h${m}m${s}s`,
            `PT${n}S`,
          ]) {
            expect(parseWaitText(`Rate limit exceeded. ${cue}${form}.`)?.ms).toBe(Math.max(1, n * 1000));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  const seeds = [
    '1s 1s ',
    'retry in ',
    '1',
    ' ',
    'P1',
    'P1Y2M',
    '9,999,',
    '1.',
    'in a ',
    '00:',
    'in 00:00:00 ',
    '1 and ',
    'retryMs:',
    `retry_${'x'.repeat(20)}`,
    '2026-11-24T',
    '\u{1f600}',
    '-',
    'reset reset ',
  ];
  test.each(seeds)('1 MB of %j takes no time', (seed) => {
    const text = seed.repeat(Math.ceil(2 ** 20 / seed.length));
    const ms = processorMs(() => {
      parseWaitText(text, NOW);
      parseLoneWait(text);
      parseWaitText(`retry in ${text}`, NOW);
      parseGoDuration(text);
      parseRetryAfter({ 'retry-after': text, 'retry-after-ms': text }, NOW);
    });
    expect(ms).toBeLessThan(1500);
  });
});
