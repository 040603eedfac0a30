import { askAround, piecesOf } from '../../quota/history-windows';

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

describe('what is asked for around a window', () => {
  test('is the window when no trip reaches over its edges', () => {
    const { span, covered } = askAround(hours(0, 24), hours(0, 24), DAY);
    expect([span, covered]).toEqual([hours(0, 24), hours(0, 24)]);
  });

  test('is as much as holds the trips at its edges whole', () => {
    const { span, covered } = askAround(hours(0, 12), hours(-2, 13), DAY);
    expect([span, covered]).toEqual([hours(-2, 13), hours(0, 12)]);
  });

  test('leaves the beginning to another call where the whole is too long for one', () => {
    const { span, covered } = askAround(hours(0, 24), hours(-1, 26), DAY);
    expect([span, covered]).toEqual([hours(2, 26), hours(2, 24)]);
  });

  test('always brings the window on, however long a trip is', () => {
    const { span, covered } = askAround(hours(0, 24), hours(0, 100), DAY);
    expect(span.to - span.from).toBe(DAY);
    expect(covered).toEqual(hours(12, 24));
  });

  test('is whole seconds, for vendors know no less', () => {
    const { span } = askAround(
      { from: START + 1, to: START + 5500 },
      { from: START + 1, to: START + 5500 },
      DAY,
    );
    expect(span).toEqual({ from: START, to: START + 6000 });
  });
});
