import { subtract } from '../../../quota/spans';

test.each([
  ['nothing taken', [], [[0, 10]]],
  ['all of it', [[0, 10]], []],
  ['more than all of it', [[-5, 15]], []],
  ['the beginning', [[-1, 3]], [[3, 10]]],
  ['the end', [[8, 12]], [[0, 8]]],
  [
    'the middle',
    [[3, 5]],
    [
      [0, 3],
      [5, 10],
    ],
  ],
  [
    'what touches only',
    [
      [-5, 0],
      [10, 12],
    ],
    [[0, 10]],
  ],
  [
    'several that overlap',
    [
      [2, 5],
      [4, 6],
      [9, 11],
    ],
    [
      [0, 2],
      [6, 9],
    ],
  ],
] as [string, [number, number][], [number, number][]][])('%s', (_, taken, left) => {
  const span = ([from, to]: [number, number]) => ({ from, to });
  expect(subtract({ from: 0, to: 10 }, taken.map(span))).toEqual(left.map(span));
});
