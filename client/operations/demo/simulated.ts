/**
 * A demo against simulated vendors: servers, the vendors, a worker and an API server, in a state folder of the demo's own
 * that goes away with it. In servers that it is given it works apart from all that is there (places.ts).
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { choosePort } from '../../../embedded/ports';
import { removePostgres } from '../../../embedded/postgres/postgres';
import { ensureStateDir, type StateDir, stateDir } from '../../../embedded/state-dir';
import { loadSettings } from '../../../settings';
import { createKeyFile } from '../../../store/secrets/keyring';
import { type Context, contextWith } from '../backend/context';
import { ClientError } from '../errors';
import type { Keeper } from '../processes/keeper';
import { becomeKeeper, otherKeeper, type Say, stopAll } from '../processes/servers';
import { type DemoParts, startParts } from './parts';
import { Places } from './places';
import { keepSimulator } from './simulator-process';

export interface SimulatedDemo extends DemoParts {
  readonly context: Context;
  /** Where each vendor is simulated, by its id. */
  readonly urls: Readonly<Record<string, string>>;
}

interface Terms {
  /** Of the folder: `demo-gps51`. */
  readonly folder: string;
  /** Scenarios of the vendors, by id. */
  readonly scenarios: Readonly<Record<string, object>>;
  /** Secrets that the settings refer to as `file:` in the folder, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The demo's settings, but for the vault's key. @param file names a secret's file. */
  settings(urls: Readonly<Record<string, string>>, file: (secret: string) => string): object;
}

/** @throws ClientError when the same demo runs already. */
export async function startSimulated(outer: Context, say: Say, terms: Terms): Promise<SimulatedDemo> {
  const root = join(outer.dir.root, terms.folder);
  const dir = stateDir(process.cwd(), { SLUICE_STATE_DIR: root });
  const other = otherKeeper(dir);
  if (other !== null) throw new ClientError(`this demo runs already (process ${other.pid})`);
  // What a demo that was killed here has left runs on.
  await stopAll(dir, () => undefined);
  const places = new Places(dir);
  await places.leave();
  await removeFolder(dir);
  ensureStateDir(dir);
  const vaultKey = join(dir.root, 'vault.key');
  await createKeyFile(vaultKey);
  const fileOf = (secret: string) => join(dir.root, secret);
  for (const [name, secret] of Object.entries(terms.secrets)) {
    writeFileSync(fileOf(name), secret, { mode: 0o600 });
  }
  await becomeKeeper(dir, 'demo');
  const simulators: Keeper[] = [];
  const urls: Record<string, string> = {};
  try {
    for (const [vendor, scenario] of Object.entries(terms.scenarios)) {
      const { port } = await choosePort(null);
      const files = {
        scenario: join(dir.root, `${vendor}.json`),
        simulatorState: join(dir.root, `${vendor}.jsonl`),
      };
      writeFileSync(files.scenario, JSON.stringify(scenario, null, 2), { mode: 0o600 });
      simulators.push(await keepSimulator(dir, port, files, say, vendor));
      urls[vendor] = `http://127.0.0.1:${port}`;
    }
    const file = join(dir.root, 'demo.yaml');
    const settings = terms.settings(urls, (secret) => `file:${fileOf(secret)}`);
    writeFileSync(file, stringify({ vault: { keyFile: vaultKey }, ...settings }));
    await places.take(terms.folder);
    const context = contextWith(loadSettings({ path: file }), dir, outer.note);
    const started = await startParts(context, say, simulators);
    return {
      ...started,
      stop: async () => {
        await started.stop();
        await places.leave();
        await removeFolder(dir);
      },
      context,
      urls,
    };
  } catch (error) {
    for (const simulator of simulators) await simulator.stop();
    await places.leave().catch(() => undefined);
    await removeFolder(dir);
    throw error;
  }
}

async function removeFolder(dir: StateDir): Promise<void> {
  await removePostgres(dir.pg);
  rmSync(dir.root, { recursive: true, force: true, maxRetries: 3 });
}
