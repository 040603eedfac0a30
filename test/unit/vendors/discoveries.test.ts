import { type CallSeen, discoveriesOf, useOfRate } from '../../../vendors/kit/judge/discoveries';

const call = (t: number, status = 200, latencyMs = 500): CallSeen => ({
  t,
  operation: 'createResponse',
  status,
  requestDetail: status === 200 ? { latencyMs } : {},
});

test('refusals that follow each other within a second are one discovery, with what was in flight at the first', () => {
  const calls = [
    call(0, 200, 2000),
    call(800),
    call(900),
    call(1000, 429),
    call(1400, 429),
    call(2300, 429),
    call(2400),
    call(9000, 429),
  ];
  expect(discoveriesOf(calls)).toEqual([
    { at: 1000, refused: 3, inFlight: 6 },
    { at: 9000, refused: 1, inFlight: 1 },
  ]);
  expect(discoveriesOf([])).toEqual([]);
});

test('the use of a rate counts what was admitted, from the first to the last', () => {
  const calls = [...Array.from({ length: 11 }, (_, i) => call(i * 100)), call(550, 429)];
  expect(useOfRate(calls, 10)).toBeCloseTo(1);
  expect(useOfRate(calls, 20)).toBeCloseTo(0.5);
  expect(useOfRate([call(0), ...calls.map((c) => ({ ...c, t: c.t + 5000 }))], 10, 1)).toBeCloseTo(1);
  expect(useOfRate([], 10)).toBe(0);
});
