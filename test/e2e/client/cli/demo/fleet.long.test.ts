/** `sluice demo gps51` as a person runs it: against its own simulator, and against an account of the settings. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { readInstance } from '../../../../../embedded/instance';
import { stateDir } from '../../../../../embedded/state-dir';
import { eventually } from '../../../../support/eventually';
import { demoEnvironment, type Ran, runNode, summaryOf } from '../../../../support/processes/demo';
import { type Gps51Process, startGps51Process } from '../../../../support/processes/gps51-process';
import { ROOT, SLUICE } from '../../../../support/processes/program';
import {
  type TestDatabase,
  temporaryFolder,
  testDatabase,
  testTemporal,
  uniqueName,
} from '../../../../support/stacks/embedded';

let database: TestDatabase;
let temporalAddress: string;
let vendor: Gps51Process | null = null;

/** Runs the demo beside the run's servers, in a folder of its own. */
function demo(folder: string, ...args: string[]): Promise<Ran> {
  return runNode([SLUICE, 'demo', 'gps51', ...args], folder, {
    ...demoEnvironment(folder, { databaseUrl: database.url, temporalAddress }),
    TEST_FLEET_PASSWORD: 'fleet-secret',
  });
}

/** The demo in a folder that has nothing but settings: no key, no servers, and nothing of others from the environment. */
function demoAlone(folder: string, ...args: string[]): Promise<Ran> {
  const {
    DATABASE_URL: _database,
    TEMPORAL_ADDRESS: _temporal,
    SLUICE_VAULT_KEY: _key,
    SLUICE_SETTINGS: _settings,
    ...env
  } = process.env;
  return runNode([SLUICE, 'demo', 'gps51', ...args], folder, {
    ...env,
    SLUICE_STATE_DIR: join(folder, 'state'),
    TEST_FLEET_PASSWORD: 'fleet-secret',
  });
}

interface Summary {
  readonly exceeded: number;
  readonly functions: readonly { readonly name: string; readonly calls: number; readonly percent: number }[];
  readonly limits: readonly {
    readonly limit: string;
    readonly allowed: number;
    readonly most: number | null;
    readonly arrived: number | null;
    readonly refused: number | null;
  }[];
  readonly positions: { readonly devices: number; readonly located: number };
  readonly commands: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

beforeAll(async () => {
  const built = await runNode([join(ROOT, 'bin', 'sluice.cjs'), '--help'], ROOT);
  if (built.code !== 0) throw new Error(built.err);
  temporalAddress = (await testTemporal()).address;
});

beforeEach(async () => {
  database = await testDatabase();
});

afterEach(async () => {
  await vendor?.end();
  vendor = null;
  await database.drop();
});

test('runs all six functions against a simulator, says what each limit saw, and leaves nothing behind', async () => {
  const folder = temporaryFolder('demo');
  mkdirSync(folder, { recursive: true });
  const state = stateDir(folder, { SLUICE_STATE_DIR: join(folder, 'state', 'demo-gps51') });
  const running = demoAlone(folder, '--for', '18s', '--json');
  // Its API shows what it does, and not what runs in the folder where it was started.
  const api = eventually('its API shows its pool', async () => {
    const url = readInstance(state)?.processes.find(({ name }) => name === 'api')?.url;
    const answer = await fetch(`${url}/api/v1/pools`);
    return answer.ok && (await answer.text()).includes('demo-fleet');
  });
  const ran = await running;
  expect(await api).toBe(true);
  const summary = summaryOf<Summary>(ran);
  expect(summary).toMatchObject({ exceeded: 0, problems: [] });
  expect(ran.code).toBe(0);
  expect(new Set(summary.functions.map((f) => f.name))).toEqual(
    new Set([
      'gps-data',
      'sync-trips-incremental',
      'gps-history-backfill',
      'gps-auth',
      'gps51-user-auth',
      'execute-vehicle-command',
    ]),
  );
  const percent = summary.functions.reduce((sum, f) => sum + f.percent, 0);
  expect(Math.abs(percent - 100)).toBeLessThan(1);
  const ip = summary.limits.find((l) => l.limit === 'ip-per-minute');
  expect(ip).toMatchObject({ allowed: 10, refused: 0 });
  expect(ip?.most).toBeGreaterThan(5);
  expect(summary.positions.located).toBeGreaterThan(8);
  expect(Object.values(summary.commands).reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
  expect(existsSync(state.root)).toBe(false);
});

test('uses the account of the settings in a fresh folder, sends no command unasked, and shows a table', async () => {
  vendor = await startGps51Process({ fleet: { devices: 4, offlineShare: 0 } });
  const folder = temporaryFolder('demo');
  mkdirSync(folder, { recursive: true });
  const account = uniqueName('own');
  writeFileSync(
    join(folder, 'sluice.yaml'),
    stringify({
      temporal: { taskQueue: uniqueName('queue'), encryptPayloads: false },
      accounts: {
        [account]: {
          vendor: 'gps51',
          baseUrl: vendor.baseUrl,
          username: 'fleet',
          password: 'env:TEST_FLEET_PASSWORD',
          egressIp: account,
        },
      },
    }),
  );
  const endUser = ['--end-user', 'fleet', '--password-from', 'env:TEST_FLEET_PASSWORD'];
  expect(existsSync(join(folder, 'state'))).toBe(false);
  const ran = await demoAlone(folder, '--for', '12s', '--simulator', ...endUser);
  expect(ran.err).toBe('');
  expect(ran.code).toBe(0);
  expect(ran.out).toContain('Five of the six functions, all but commands (--commands), run for 12 s');
  expect(ran.out).toMatch(/^gps51-user-auth +[1-9]/m);
  expect(ran.out).toContain(`The settings' account ${account}, at ${vendor.url} (a simulator)`);
  expect(ran.out).toMatch(/^limit +of +allowed +most in a window +arrived +refused +our permits$/m);
  expect(ran.out).toMatch(/^ip-per-minute +127\.0\.0\.1 +10 +\d+ +\d+ +0 +\d+$/m);
  expect(ran.out).toContain('No limit was exceeded.');
  const operations = new Set((await vendor.calls()).map((c) => c.operation));
  expect(operations).toContain('lastposition');
  expect(operations).not.toContain('sendcmd');
  // Made for this folder, and for its owner alone; what was started has ended.
  expect(statSync(join(folder, 'state', 'vault.key')).mode & 0o777).toBe(0o600);
  expect(existsSync(join(folder, 'state', 'instance.json'))).toBe(false);
});

test('a length that is none is named', async () => {
  const ran = await demo(temporaryFolder('demo'), '--for', 'soon');
  expect(ran).toMatchObject({ code: 2, out: '' });
  expect(ran.err).toContain('--for: "soon" is not a length of time');
});
