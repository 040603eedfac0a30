/** A worker says since when a server does not answer it. */
import { ServerChecks } from '../../../workers/server-checks';

test('since the first time in vain, until it answers again', async () => {
  const checks = new ServerChecks();
  const refused = () => Promise.reject(new Error('refused'));
  expect(await checks.problemOf('Temporal', () => Promise.resolve())).toBeNull();
  const first = await checks.problemOf('Temporal', refused);
  expect(first).toMatch(/^Temporal does not answer: refused, since 20\d\d-\d\d-\d\dT[\d:.]+Z$/);
  await new Promise((passes) => setTimeout(passes, 20));
  expect(await checks.problemOf('Temporal', refused)).toBe(first);
  expect(await checks.problemOf('Temporal', () => Promise.resolve())).toBeNull();
  await new Promise((passes) => setTimeout(passes, 20));
  expect(await checks.problemOf('Temporal', refused)).not.toBe(first);
});
