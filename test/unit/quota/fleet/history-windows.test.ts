import { askAround, piecesOf } from '../../../../quota/fleet/history-windows';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse('2026-11-20T06:00:00Z');
const hours = (from: number, to: number) => ({ from: START + from * HOUR, to: START + to * HOUR });

describe('gaps are cut into single calls', () => {
  test('at marks counted from the start of the backfill, so that the same gaps give the same calls', () => {
    expect(piecesOf([hours(0, 60)], START, DAY)).toEqual([hours(0, 24), hours(24, 48), hours(48, 60)]);
    expect(piecesOf([hours(30, 50)], START, DAY)).toEqual([hours(30, 48), hours(48, 50)]);
  });

  test('each gap by itself', () => {
    expect(piecesOf([hours(1, 2), hours(3, 4)], START, DAY)).toEqual([hours(1, 2), hours(3, 4)]);
    expect(piecesOf([], START, DAY)).toEqual([]);
  });
});

describe('what is requested around a window', () => {
  test('is the window when no trip reaches over its edges', () => {
    expect(askAround(hours(0, 24), hours(0, 24), DAY)).toEqual(hours(0, 24));
  });

  test('is as much as holds the trips at its edges whole, where a call may be as long', () => {
    expect(askAround(hours(0, 12), hours(-2, 13), DAY)).toEqual(hours(-2, 13));
    expect(askAround(hours(0, 24), hours(-1, 24), DAY)).toEqual(hours(0, 24));
  });

  test('is whole seconds, for vendors know no less', () => {
    const odd = { from: START + 1, to: START + 5500 };
    expect(askAround(odd, odd, DAY)).toEqual({ from: START, to: START + 6000 });
  });
});
