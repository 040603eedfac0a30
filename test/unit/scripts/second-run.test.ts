import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCRIPT = join(__dirname, '..', '..', '..', 'scripts', 'second-run.mjs');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-second-run-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What is run again after a run that has left this behind. */
function again(report: string | null): readonly string[] {
  const file = join(folder, 'report.json');
  rmSync(file, { force: true });
  if (report !== null) writeFileSync(file, report);
  const code = `import { filesToRunAgain as f } from ${JSON.stringify(SCRIPT)}; console.log(JSON.stringify(f(${JSON.stringify(file)})))`;
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }),
  );
}

const reportOf = (...statuses: readonly string[]) =>
  JSON.stringify({ testResults: statuses.map((status, i) => ({ name: `${i}.test.ts`, status })) });

test.each([
  ['a few that failed', reportOf('passed', 'failed', 'pending', 'failed'), ['1.test.ts', '3.test.ts']],
  ['none where all passed', reportOf('passed', 'passed'), []],
  ['none where many failed, which is no accident', reportOf('failed', 'failed', 'failed', 'failed'), []],
  ['none where jest has left half a report', '{"testResults":[', []],
  ['none where it has left none', null, []],
])('run again are %s', (_, report, files) => {
  expect(again(report)).toEqual(files);
});
