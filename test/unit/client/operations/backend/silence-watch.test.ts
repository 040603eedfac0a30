/** Who waits for a server that has fallen silent, and for how long. */
import { setTimeout as delay } from 'node:timers/promises';
import { ServerSilent, SilenceWatch } from '../../../../../client/operations/backend/silence-watch';

const TIMES = { lateMs: 40, answerMs: 40 };
const never = () => new Promise<never>(() => undefined);

/** A watch whose looks find these, one after the other; then none of them ends. */
function watchThatFinds(...found: (boolean | Error)[]): SilenceWatch {
  return new SilenceWatch(TIMES, () => {
    const next = found.shift();
    if (next instanceof Error) throw next;
    return next === undefined ? never() : Promise.resolve(next);
  });
}

test('a look that fails tells those who wait why, and nobody else', async () => {
  const gone = new Error('no server runs here');
  const watch = watchThatFinds(gone, gone);
  const waiting = [watch.during(never()), watch.during(never())];
  expect(await Promise.allSettled(waiting)).toEqual([
    { status: 'rejected', reason: gone },
    { status: 'rejected', reason: gone },
  ]);
});

test('after a server was found silent, the next work waits for no look of its own', async () => {
  const watch = watchThatFinds(false);
  await expect(watch.during(never())).rejects.toThrow(ServerSilent);
  await expect(watch.during(never())).rejects.toThrow(ServerSilent);
});

test.each([
  ['an answer', async (watch: SilenceWatch) => watch.during(Promise.resolve('here'))],
  ['a look', async (watch: SilenceWatch) => watch.during(delay(TIMES.lateMs * 3))],
])('and once %s has come, it waits as before', async (_, back) => {
  const watch = watchThatFinds(false, true, true, true, true, true);
  await expect(watch.during(never())).rejects.toThrow(ServerSilent);
  await back(watch);
  expect(await watch.during(delay(TIMES.lateMs * 3, 'late'))).toBe('late');
});
