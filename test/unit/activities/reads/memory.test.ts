import { ReadMemory } from '../../../../activities/reads/memory';
import type { ServedRead } from '../../../../activities/reads/types';

const MB = 1024 * 1024;
const served = (vehicleId: string, text: string): ServedRead => ({
  ...{ account: 'fleet', vehicleId, read: 'state', params: {}, freshAt: 0, ageMs: 0, source: 'call' },
  ...{ requestId: null, servedFrom: 'database', stale: null },
  answer: { values: {}, records: text === '' ? null : [{ text }], document: null },
});
const nameOf = (i: number) => `["fleet","VEHICLE${i}","state","{}"]`;

test.each([
  ['say much', 'x'.repeat(10_000), 26],
  // An entry that says nothing costs half a kilobyte of memory all the same.
  ['say nothing', '', 1_300],
])('of thousands of vehicles whose answers %s, no more are kept than the memory is for', (_, text, most) => {
  const memory = new ReadMemory(MB);
  for (let i = 0; i < 5_000; i++) memory.put(nameOf(i), served(`VEHICLE${i}`, text));
  const kept = Array.from({ length: 5_000 }, (_, i) => i).filter(
    (i) => memory.get(nameOf(i), 60_000) !== null,
  );
  expect(memory.size).toBeLessThanOrEqual(MB);
  expect(kept.length).toBeGreaterThan(most / 2);
  expect(kept.length).toBeLessThanOrEqual(most);
  // The latest ones.
  expect(kept[0]).toBe(5_000 - kept.length);
});
