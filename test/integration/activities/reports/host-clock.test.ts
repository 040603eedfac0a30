/** The clock of a worker's machine is wrong: windows become due neither sooner nor later by it. */
import type { Pool } from 'pg';
import type { ReportDeps } from '../../../../activities/reports/calls';
import { createReportActivities } from '../../../../activities/reports/reports';
import { parseSettings } from '../../../../settings';
import { datasetsOf } from '../../../../settings/datasets/datasets';
import { installDatasets } from '../../../../store/datasets/datasets';
import { createPool } from '../../../../store/db';
import { generateKey } from '../../../../store/secrets/keyring';
import { steadyLagMinutes } from '../../../support/stacks/due-hours';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Between two readings of the true time on a busy machine, ms. */
const APART_MS = 2 * 60_000;

const SETTINGS = parseSettings(
  `
accounts:
  acme:
    vendor: amazon
    baseUrl: http://127.0.0.1:1
    tokenUrl: http://127.0.0.1:1/token
    credentials: { clientId: env:A, clientSecret: env:A, refreshToken: env:A }
    marketplaces: [A1PA6795UKMFR9]
    currency: EUR
datasets: [{ dataset: amazon/rt-sales, account: acme, safeMinutesLag: ${steadyLagMinutes()} }]
`,
  { file: null, baseDir: '/', env: { A: 'a', SLUICE_VAULT_KEY: generateKey() } },
);

let database: TestDatabase;
let db: Pool;

beforeEach(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 4 });
  await installDatasets(db, datasetsOf(SETTINGS));
});
afterEach(async () => {
  jest.restoreAllMocks();
  await db.end();
  await database.drop();
});

const DATASET = { dataset: 'amazon/rt-sales', account: 'acme' };

test.each([
  ['two days ahead', 2 * DAY_MS],
  ['two days behind', -2 * DAY_MS],
])('a failed window is left alone for as long as it is to be, on a machine that is %s', async (_, off) => {
  const trueNow = Date.now.bind(Date);
  jest.spyOn(Date, 'now').mockImplementation(() => trueNow() + off);
  // No call is made here.
  const activities = createReportActivities({ settings: SETTINGS, db, bulk: db } as unknown as ReportDeps);
  const plan = async () =>
    (await activities.planReports({ ...DATASET, purpose: 'sync', from: null, to: null, chunkHours: null }))
      .chunks;
  const chunks = await plan();
  const [first] = chunks;
  if (first === undefined) throw new Error('nothing is missing in an empty ledger');
  // What is asked for ends with the true hour.
  const latest = Math.max(...chunks.map(({ to }) => to));
  expect(Math.abs(latest - trueNow())).toBeLessThan(3 * HOUR_MS);

  const { retryAt } = await activities.recordChunkFailure({
    ...DATASET,
    chunk: first,
    cause: 'failed',
    reason: 'FATAL',
  });
  const dueIn = (retryAt ?? 0) - trueNow();
  expect(dueIn).toBeGreaterThan(APART_MS);
  expect(dueIn).toBeLessThan(DAY_MS + APART_MS);
  const windows = async () => (await plan()).map(({ from, to }) => `${from}..${to}`);
  expect(await windows()).not.toContain(`${first.from}..${first.to}`);
  await db.query(`update coverage set retry_at = clock_timestamp() - interval '1 second'`);
  expect(await windows()).toContain(`${first.from}..${first.to}`);
});
