import { setTimeout as delay } from 'node:timers/promises';
import { HangWatch } from '../../../../../client/operations/processes/hang-watch';

const US = { pid: process.pid, startTime: null };

/** Looks at the given times, one after the other, ms; each is answered before the next. */
async function silences(answers: readonly ('well' | 'silent' | 'unknown')[], at: readonly number[]) {
  const left = [...answers];
  let now = 0;
  const ask = async () => {
    const answer = left.shift() ?? 'well';
    return answer === 'unknown' ? null : answer === 'silent' ? { silentSince: 1 } : {};
  };
  const watch = new HangWatch(US, ask, () => now);
  const seen: number[] = [];
  for (const time of at) {
    now = time;
    seen.push(watch.silentMs());
    await delay(0);
  }
  return seen;
}

test('silence is counted from the first answer that did not come, and ends with one that does', async () => {
  expect(await silences(['silent', 'silent', 'silent', 'well'], [0, 3000, 6000, 9000, 12_000])).toEqual([
    0, 3000, 6000, 9000, 0,
  ]);
});

test('one silence after a long sleep of the machine is not yet one', async () => {
  expect(await silences(['well', 'silent', 'well'], [0, 3_600_000, 3_602_000, 3_604_000])).toEqual([
    0, 0, 2000, 0,
  ]);
});

test('a process that cannot be queried and is not stopped counts as hung, too', async () => {
  expect(await silences(['unknown', 'unknown'], [0, 30_000, 60_000])).toEqual([0, 0, 0]);
});
