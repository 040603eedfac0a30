/**
 * Which test files get a second run. Where hundreds of files share two processors, one may fail because it was kept
 * waiting, and not because of what it tests. It is run once more by itself, and named whatever comes of it: a test that
 * passes only by itself depends on something that it must not, and is to be mended. Coverage is not judged again: where
 * the first run failed for a test, only the next whole run shows whether its thresholds are kept.
 */
import { readFileSync } from 'node:fs';

/** More than this fail for another reason than that they disturb one another. */
const MOST = 3;

/**
 * The files that failed, by jest's report (`--json --outputFile`); empty where none did, where too many did, and where
 * there is no report.
 */
export function filesToRunAgain(reportFile) {
  let report;
  try {
    report = JSON.parse(readFileSync(reportFile, 'utf8'));
  } catch {
    return [];
  }
  const failed = report.testResults.filter(({ status }) => status === 'failed').map(({ name }) => name);
  return failed.length > MOST ? [] : failed;
}
