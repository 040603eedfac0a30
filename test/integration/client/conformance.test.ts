import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { jobChecks } from '../../../client/operations/vendors/job';
import { createPool } from '../../../store/db';
import { registerLimits } from '../../../store/permits/permits';
import { builtInVendors, vendorOf } from '../../../vendors/registry';
import { testDatabase } from '../../support/stacks/embedded';

const ROOT = resolve(__dirname, '../../..');

test.each(
  builtInVendors()
    .filter((vendor) => vendor.example)
    .map(({ id }) => id),
)('calls of %s wait for leave and are never refused, and a quota stops them all', async (id) => {
  const { url } = await testDatabase();
  const db = createPool(url, { max: 8 });
  try {
    expect(await jobChecks(db, vendorOf(id), null, ROOT)).toEqual([
      expect.objectContaining({ result: 'ok', problems: [] }),
      expect.objectContaining({ result: 'ok', problems: [] }),
    ]);
  } finally {
    await db.end();
  }
});

test('processes that make limits for the first time, some of which are there, do not lock each other out', async () => {
  const { url } = await testDatabase();
  const db = createPool(url, { max: 10 });
  const [template] = vendorOf('amazon').rules.limits;
  if (template === undefined) throw new Error('no limit');
  const limits = (round: number, names: string) =>
    [...names].map((name) => ({ key: `v/${round}/${name}`, template }));
  try {
    for (let round = 0; round < 15; round++) {
      await Promise.all(
        ['d', 'ad', 'abcd', 'bd', 'abd', 'cd', 'acd', 'abc', 'b'].map((names) =>
          registerLimits(db, 'v/x', limits(round, names)),
        ),
      );
    }
    const { rows } = await db.query<{ n: string }>("select count(*) as n from limits where key like 'v/%'");
    expect(Number(rows[0]?.n)).toBe(60);
  } finally {
    await db.end();
  }
});

test('the example of a vendor from outside keeps to all of it', () => {
  const run = (...args: string[]) =>
    execFileSync(process.execPath, [join(ROOT, 'bin', 'sluice.cjs'), 'vendor', 'test', ...args], {
      cwd: join(ROOT, 'examples', 'acme-cars'),
      encoding: 'utf8',
    });
  const [report] = JSON.parse(run('./vendor.mjs', '--no-jobs', '--json'));
  expect(report.vendor).toBe('acme-cars');
  expect(report.checks.map(({ result }: { result: string }) => result)).toEqual(Array(8).fill('ok'));
});
