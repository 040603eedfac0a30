/** The demo's files in the state folder: settings, credentials and the simulator's scenario, created when missing. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { ensureStateDir, type StateDir } from '../../../embedded/state-dir';
import { createKeyFile } from '../../../store/secrets/keyring';
import { demoSettingsFile } from '../backend/context';

export const DEMO_ACCOUNT = 'demo-vendor';
export const DEMO_DATASET = 'amazon/rt-sales';
export const DEMO_CHUNK_HOURS = 6;

/** Amazon's operations at a demo's pace: the bursts are Amazon's, the rates are 120 times as fast or so. */
const LIMITS = {
  createReport: { ratePerSecond: 2, burst: 15 },
  getReportDocument: { ratePerSecond: 2, burst: 15 },
  getReport: { ratePerSecond: 20, burst: 30 },
  getReports: { ratePerSecond: 1, burst: 10 },
};

const CREDENTIALS = ['client-id', 'client-secret', 'refresh-token'] as const;

const paths = (dir: StateDir) => ({
  record: join(dir.root, 'demo.json'),
  credentials: join(dir.root, 'demo-credentials'),
  vaultKey: join(dir.root, 'vault.key'),
  scenario: join(dir.root, 'demo-simulator.json'),
  simulatorState: join(dir.root, 'demo-simulator.state.jsonl'),
});

const recordSchema = z.object({
  /** The backfill's span, epoch ms. */
  from: z.number(),
  to: z.number(),
  startedAt: z.number(),
  simulatorPort: z.number(),
  /** Whether the refusal in the middle has been staged. */
  refused: z.boolean(),
});

/** What the demo has to remember from one run to the next. */
export type DemoRecord = z.infer<typeof recordSchema>;

export function readDemoRecord(dir: StateDir): DemoRecord | null {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(readFileSync(paths(dir).record, 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

export function writeDemoRecord(dir: StateDir, record: DemoRecord): void {
  replaceFile(paths(dir).record, JSON.stringify(record));
}

function replaceFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, path);
}

/** Credentials that only the demo's simulator knows. Made once, readable by their owner only. */
function ensureCredentials(dir: StateDir): Record<(typeof CREDENTIALS)[number], string> {
  const folder = paths(dir).credentials;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const read = (name: (typeof CREDENTIALS)[number]) => {
    const file = join(folder, name);
    if (!existsSync(file)) writeFileSync(file, `demo-${randomBytes(16).toString('hex')}`, { mode: 0o600 });
    return readFileSync(file, 'utf8');
  };
  return {
    'client-id': read('client-id'),
    'client-secret': read('client-secret'),
    'refresh-token': read('refresh-token'),
  };
}

export interface DemoFiles {
  readonly settings: string;
  readonly scenario: string;
  readonly simulatorState: string;
}

/** Writes what is missing or has changed; the same port gives the same files. */
export async function writeDemoFiles(dir: StateDir, simulatorPort: number): Promise<DemoFiles> {
  ensureStateDir(dir);
  const { credentials: folder, vaultKey, scenario, simulatorState } = paths(dir);
  const credentials = ensureCredentials(dir);
  await createKeyFile(vaultKey);
  replaceFile(
    scenario,
    JSON.stringify(
      {
        accounts: [
          {
            name: DEMO_ACCOUNT,
            clientId: credentials['client-id'],
            clientSecret: credentials['client-secret'],
            refreshToken: credentials['refresh-token'],
          },
        ],
        limits: LIMITS,
        latencyMs: { min: 20, max: 80 },
        reports: { queueMs: { min: 200, max: 800 }, processingMs: { min: 500, max: 1500 } },
      },
      null,
      2,
    ),
  );
  const settings = demoSettingsFile(dir);
  replaceFile(settings, demoSettings(folder, vaultKey, simulatorPort));
  return { settings, scenario, simulatorState };
}

function demoSettings(credentials: string, vaultKey: string, simulatorPort: number): string {
  const simulator = `http://127.0.0.1:${simulatorPort}`;
  const dataset = (name: string, enabled: boolean) => ({
    dataset: `amazon/${name}`,
    account: DEMO_ACCOUNT,
    enabled,
    chunkHours: DEMO_CHUNK_HOURS,
    syncIntervalMinutes: 1,
    poll: { initialSeconds: 0.8, factor: 1.5, maxSeconds: 2 },
  });
  const body = stringify({
    temporal: { taskQueue: 'sluice-demo', encryptPayloads: false },
    vault: { keyFile: vaultKey },
    log: { level: 'info' },
    accounts: {
      [DEMO_ACCOUNT]: {
        vendor: 'amazon',
        baseUrl: simulator,
        tokenUrl: `${simulator}/auth/o2/token`,
        credentials: {
          clientId: `file:${join(credentials, 'client-id')}`,
          clientSecret: `file:${join(credentials, 'client-secret')}`,
          refreshToken: `file:${join(credentials, 'refresh-token')}`,
        },
        marketplaces: ['ATVPDKIKX0DER'],
        currency: 'USD',
        limits: LIMITS,
        pool: { cooldownMinutes: 0.25, cooldownMaxMinutes: 1, probeTimeoutSeconds: 10 },
      },
    },
    datasets: [dataset('rt-sales', true), dataset('rt-traffic', false), dataset('rt-inventory', false)],
  });
  return `# Settings of the demo, written at each start: copy to sluice.yaml rather than edit.\n${body}`;
}
