/** A Postgres and a Temporal for one benchmark, in a folder of their own, which is removed with them afterwards. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { removePostgres, startPostgres } from '../embedded/postgres/postgres';
import { startTemporal, stopTemporal } from '../embedded/temporal/temporal';
import { Processes } from './processes';

/** Its first line. */
type Simulated = Readonly<Record<string, string>> & { readonly url: string };

export interface BenchServers {
  readonly folder: string;
  /** They are killed at the end. */
  readonly processes: Processes;
  /** Starts both servers. */
  start(): Promise<{
    readonly postgres: { readonly url: string };
    readonly temporal: { readonly address: string };
  }>;
  /** A vendor's simulator as a process of its own, and what it says of itself: `url` and others. */
  simulate(vendor: string, scenario: object): Promise<Simulated>;
}

/** @param name in the folder's. */
export async function withServers(
  name: string,
  measure: (rig: BenchServers) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), `sluice-bench-${name}-`));
  // Embedded Postgres may run as another user.
  chmodSync(folder, 0o755);
  const dbFile = path.join(folder, 'temporal.db');
  const dataDir = path.join(folder, 'pg');
  const processes = new Processes();
  const start = async () => {
    const [postgres, temporal] = await Promise.all([
      startPostgres({ dataDir }),
      startTemporal({ dbFile, logFile: `${dbFile}.log` }),
    ]);
    return { postgres, temporal };
  };
  const simulate = async (vendor: string, scenario: object) => {
    const file = path.join(folder, `${vendor}.json`);
    writeFileSync(file, JSON.stringify(scenario));
    const { ready } = processes.launch(
      vendor,
      `vendors/${vendor}/simulator/main`,
      ['--scenario', file],
      {},
      (line) => line.includes('"url"'),
    );
    return JSON.parse(await ready) as Simulated;
  };
  try {
    await measure({ folder, processes, start, simulate });
  } finally {
    processes.killAll();
    await stopTemporal(dbFile);
    await removePostgres(dataDir);
    rmSync(folder, { recursive: true, force: true });
  }
}
