import { LockLines } from '../../../../../activities/gateway/permits/lock-lines';

/** Begins them together; each ends when the test lets it. */
function rig() {
  const lines = new LockLines();
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, locked: string, isUrgent = false) =>
    lines.run(locked, isUrgent, async () => {
      begun.push(name);
      await new Promise<void>((end) => ends.set(name, end));
      if (name.startsWith('bad')) throw new Error(name);
      return name;
    });
  return { begun, run, end: (name: string) => ends.get(name)?.() };
}

test('what needs the same rows goes one at a time, urgent work before other work that waits', async () => {
  const { begun, run, end } = rig();
  const all = [run('a', 'texts'), run('b', 'texts'), run('c', 'texts', true), run('d', 'texts', true)];
  for (const [name, n] of [
    ['a', 0],
    ['c', 2],
    ['d', 3],
    ['b', 1],
  ] as const) {
    expect(begun.at(-1)).toBe(name);
    end(name);
    await expect(all[n]).resolves.toBe(name);
    await new Promise(setImmediate);
  }
  expect(begun).toEqual(['a', 'c', 'd', 'b']);
});

test('other rows are not waited for, and a failure lets the next go', async () => {
  const { begun, run, end } = rig();
  const bad = run('bad', 'texts');
  const next = run('next', 'texts');
  const other = run('other', 'fleet');
  expect(begun).toEqual(['bad', 'other']);
  end('bad');
  await expect(bad).rejects.toThrow('bad');
  await new Promise(setImmediate);
  expect(begun).toEqual(['bad', 'other', 'next']);
  end('next');
  end('other');
  await Promise.all([next, other]);
});
