/**
 * Servers for the time of a test: an embedded Postgres and Temporal in a folder that is removed at the end, or others
 * that the caller names. Each is started when it is first asked for; all vendors of a run share them.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { EmbeddedError } from '../../../embedded/errors';
import { removePostgres, startPostgres } from '../../../embedded/postgres/postgres';
import { findTemporalBinary } from '../../../embedded/temporal/binary';
import { type RunningTemporal, startTemporal } from '../../../embedded/temporal/temporal';
import { migrate } from '../../../store/migrate';

export interface GivenServers {
  /** A Postgres in which a database may be made, as a URL. */
  readonly postgres?: string | undefined;
  /** `host:port` of a Temporal. */
  readonly temporal?: string | undefined;
}

export class TestServers {
  /** For whatever belongs to the run. */
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-vendor-test-'));
  private readonly dataDir = join(this.folder, 'pg');
  private readonly ends: (() => Promise<unknown>)[] = [];
  private url: Promise<string> | null = null;
  private address: Promise<string> | null = null;

  constructor(private readonly given: GivenServers) {}

  /** A migrated database that nobody else uses. */
  database(): Promise<string> {
    this.url ??= this.makeDatabase();
    return this.url;
  }

  private async makeDatabase(): Promise<string> {
    const { postgres } = this.given;
    if (postgres === undefined) {
      this.ends.push(() => removePostgres(this.dataDir));
      const { url } = await startPostgres({ dataDir: this.dataDir, database: 'sluice' });
      await migrate(url);
      return url;
    }
    const name = `sluice_vendor_test_${randomBytes(6).toString('hex')}`;
    await administer(postgres, `create database ${name}`);
    this.ends.push(() => administer(postgres, `drop database if exists ${name} with (force)`));
    const url = new URL(postgres);
    url.pathname = `/${name}`;
    await migrate(url.toString());
    return url.toString();
  }

  /**
   * `host:port`. A Temporal CLI that is not on this machine is not fetched: that takes minutes.
   * @throws EmbeddedError that says what was looked for.
   */
  temporal(): Promise<string> {
    this.address ??= this.startTemporal();
    return this.address;
  }

  private async startTemporal(): Promise<string> {
    if (this.given.temporal !== undefined) return this.given.temporal;
    const binary = await findTemporalBinary({ install: false });
    const file = join(this.folder, 'temporal.db');
    const server: RunningTemporal = await startTemporal({ dbFile: file, logFile: `${file}.log`, binary });
    this.ends.push(() => server.stop());
    return server.address;
  }

  /** Something that ends with the servers, before them. */
  endsWith(end: () => Promise<unknown>): void {
    this.ends.push(end);
  }

  /** Ends all of it, last begun first. */
  async close(): Promise<void> {
    for (const end of this.ends.splice(0).reverse()) await end().catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Whether there is no Temporal on this machine, and nothing else is wrong. */
export function isTemporalMissing(error: unknown): boolean {
  return error instanceof EmbeddedError && error.code === 'BINARY_MISSING';
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
