import { type Generation, standingOf } from '../../../../quota/pools/settings-generation';

const HOUR = 3_600_000;
const generation = (number: number, digest: string, fileMs: number | null): Generation => ({
  generation: number,
  digest,
  fileMs,
});

const HISTORY = [generation(3, 'old', 1 * HOUR), generation(8, 'new', 5 * HOUR)];

test.each([
  ['the first of all is published', [], 'any', 1, { kind: 'publish' }],
  ['what stands stays', HISTORY, 'new', 5 * HOUR, { kind: 'current', generation: 8 }],
  [
    'what stands stays, from an older copy of the file',
    HISTORY,
    'new',
    0,
    { kind: 'current', generation: 8 },
  ],
  [
    'what was replaced does not come back',
    HISTORY,
    'old',
    1 * HOUR,
    { kind: 'older', generation: 3, current: 8 },
  ],
  [
    'not even from a file written anew',
    HISTORY,
    'old',
    9 * HOUR,
    { kind: 'older', generation: 3, current: 8 },
  ],
  ['a newer file is published', HISTORY, 'newest', 6 * HOUR, { kind: 'publish' }],
  ['the same file read otherwise is published', HISTORY, 'newest', 5 * HOUR, { kind: 'publish' }],
  [
    'a file that was written before is not',
    HISTORY,
    'another',
    4 * HOUR,
    { kind: 'older', generation: 0, current: 8 },
  ],
  ['without a file there is no age', HISTORY, 'another', null, { kind: 'publish' }],
] as const)('%s', (_, history, digest, fileMs, expected) => {
  const before = structuredClone(history);
  expect(standingOf([...history].reverse(), { digest, fileMs }, false)).toEqual(expected);
  expect(history).toEqual(before);
});

test('a person may bring back anything', () => {
  expect(standingOf(HISTORY, { digest: 'old', fileMs: 1 }, true)).toEqual({ kind: 'publish' });
  expect(standingOf(HISTORY, { digest: 'new', fileMs: 1 }, true)).toEqual({ kind: 'current', generation: 8 });
});
