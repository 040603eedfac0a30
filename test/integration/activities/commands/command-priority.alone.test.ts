/**
 * Commands among background work that saturates the limits, in short: judged by who left while a command waited, for
 * how long anything takes depends on the machine. `bench/priority.ts` measures the waits themselves.
 */
import { join } from 'node:path';
import {
  FIVE_A_SECOND,
  type Measured,
  ONE_QUEUE,
  PRIORITIES_ONLY,
  type Profile,
  runPriority,
  tenAMinute,
  type Variant,
} from '../../../../bench/priority-run';
import { migrate } from '../../../../store/migrate';
import { longOr } from '../../../support/run/long';
import { undisturbed } from '../../../support/run/undisturbed';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await migrate(database.url);
});

afterAll(() => database.drop());

function measured(profile: Profile, variant: Variant, everyMs: number): Promise<Measured> {
  return runPriority({
    databaseUrl: database.url,
    profile,
    variant,
    seconds: longOr(8, 4),
    everyMs,
    // An ask that is on its way is not known yet, and this machine may be busy.
    graceMs: 150,
    execArgv: ['-r', join(__dirname, '..', '..', '..', 'support', 'register-ts.cjs')],
  });
}

test('5 a second: a command takes the next slot, whoever else asks', async () => {
  const { waits, overtakenBy } = await measured(FIVE_A_SECOND, PRIORITIES_ONLY, 500);
  expect(waits.length).toBeGreaterThan(3);
  expect(overtakenBy).toBeLessThanOrEqual(1);
});

test('10 a minute, in a minute of two seconds: no slot goes to another while a command waits', async () => {
  const { waits, overtakenBy } = await measured(tenAMinute(30), PRIORITIES_ONLY, 400);
  expect(waits.length).toBeGreaterThan(3);
  expect(overtakenBy).toBeLessThanOrEqual(1);
});

test('in one queue with the rest, commands are passed by many', async () => {
  const { overtakenBy } = await undisturbed(
    () => measured(FIVE_A_SECOND, ONE_QUEUE, 500),
    (one) => one.overtakenBy > 2,
  );
  expect(overtakenBy).toBeGreaterThan(2);
});
