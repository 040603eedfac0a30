import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { builtInVendors } from '../../../vendors/registry';
import { ROOT, SLUICE } from '../../support/processes/program';
import { longOr } from '../../support/run/long';
import { testPostgresUrl, testTemporal } from '../../support/stacks/embedded';

const KILL = 'a kill in the middle neither loses nor repeats';
/** What is killed in its middle, by vendor: all that each offers. */
const WORK: Readonly<Record<string, readonly string[]>> = {
  amazon: ['a backfill of amazon/rt-sales'],
  openai: ['a batch of texts'],
  gps51: ['a backfill of gps51/tracks', 'reads of vehicles together (position)', 'the command stop'],
  'bmw-cardata': ['reads of vehicles'],
  'bmw-mybmw': ['reads of vehicles', 'the command lock'],
  'acme-cars': ['reads of vehicles'],
};

/** Those of one kind of work each; the long form tries all. */
const SHORT = ['amazon', 'bmw-mybmw'];

interface Report {
  readonly vendor: string;
  readonly checks: readonly { readonly name: string; readonly result: string; readonly problems: string[] }[];
}

test('vendors, one from outside among them, keep to all that holds for vendors, killed in the middle of its work, too', async () => {
  const [postgres, temporal] = [await testPostgresUrl(), await testTemporal()];
  const ids = longOr(
    builtInVendors().map(({ id }) => id),
    SHORT,
  );
  const tried = Object.entries(WORK).filter(([id]) => [...ids, 'acme-cars'].includes(id));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...[SLUICE, 'vendor', 'test', ...ids, './vendor.mjs', '--json', '--answers', '20'],
      ...['--postgres', postgres, '--temporal', temporal.address],
    ],
    { cwd: join(ROOT, 'examples', 'acme-cars') },
  ).catch((error: { stdout: string }) => error);
  const reports: readonly Report[] = JSON.parse(stdout);
  const found = reports.flatMap(({ vendor, checks }) => checks.map((one) => ({ vendor, ...one })));
  expect(found.filter(({ result }) => result === 'fail')).toEqual([]);
  for (const [vendor, work] of tried) {
    const own = found.filter((one) => one.vendor === vendor && one.result === 'ok').map(({ name }) => name);
    expect(own).toEqual(
      expect.arrayContaining([
        'a job of every call that the account offers runs to its end with nothing refused',
        'a quota stops every caller until its time, and for no longer than a probe takes',
        ...work.map((name) => `${KILL}: ${name}`),
      ]),
    );
  }
  expect(reports.map(({ vendor }) => vendor).sort()).toEqual(tried.map(([id]) => id).sort());
  expect(Object.keys(WORK).sort()).toEqual([...builtInVendors().map(({ id }) => id), 'acme-cars'].sort());
});

test.each([
  ['that ends the process', 'process.exit(0)', 'it calls process.exit(0) while it is loaded'],
  ['that waits for what never comes', 'await new Promise(() => {})', 'must not await at its top level'],
])('a vendor %s has not passed', async (_, code, said) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-vendor-'));
  try {
    await writeFile(join(folder, 'vendor.mjs'), `${code};\nexport default {};\n`);
    const failed = await promisify(execFile)(process.execPath, [SLUICE, 'vendor', 'test', './vendor.mjs'], {
      cwd: folder,
    }).then(
      () => null,
      (error: { code: number; stderr: string }) => error,
    );
    expect(failed).toMatchObject({ code: expect.any(Number), stderr: expect.stringContaining(said) });
  } finally {
    await rm(folder, { recursive: true });
  }
});
