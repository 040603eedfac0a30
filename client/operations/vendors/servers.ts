/**
 * Servers for the time of a test: an embedded Postgres and Temporal in a folder that is removed at the end, or others
 * that the caller names. Each is started when it is first asked for; all vendors of a run share them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { EmbeddedError } from '../../../embedded/errors';
import { removePostgres, startPostgres } from '../../../embedded/postgres/postgres';
import { findTemporalBinary } from '../../../embedded/temporal/binary';
import { type RunningTemporal, startTemporal } from '../../../embedded/temporal/temporal';
import {
  createTemporaryDatabase,
  dropTemporaryDatabase,
  temporaryDatabaseName,
} from '../../../store/connections/temporary-database';
import { migrate } from '../../../store/migrate';
import {
  createTemporaryNamespace,
  deleteTemporaryNamespace,
  temporaryNamespaceName,
} from '../../../temporal/temporary-namespace';
import { messageOf } from '../errors';

export interface GivenServers {
  /** A Postgres in which a database may be made, as a URL. */
  readonly postgres?: string | undefined;
  /** `host:port` of a Temporal. */
  readonly temporal?: string | undefined;
}

export interface TestTemporal {
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
}

export class TestServers {
  /** For whatever belongs to the run. */
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-vendor-test-'));
  private readonly dataDir = join(this.folder, 'pg');
  private readonly ends: (() => Promise<unknown>)[] = [];
  private url: Promise<string> | null = null;
  private place: Promise<TestTemporal> | null = null;

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
    const name = temporaryDatabaseName('sluice_vendor_test');
    const url = await createTemporaryDatabase(postgres, name);
    this.ends.push(() => dropTemporaryDatabase(postgres, name));
    await migrate(url);
    return url;
  }

  /**
   * A namespace that nobody else uses. A Temporal CLI that is not on this machine is not fetched: that takes minutes.
   * @throws EmbeddedError that says what was looked for.
   */
  temporal(): Promise<TestTemporal> {
    this.place ??= this.makeNamespace();
    return this.place;
  }

  private async makeNamespace(): Promise<TestTemporal> {
    const address = this.given.temporal ?? (await this.startTemporal());
    const namespace = temporaryNamespaceName('vendor-test');
    const connection = await Connection.connect({ address }).catch((error: unknown) => {
      throw new Error(`Temporal cannot be reached at ${address}: ${messageOf(error)}`, { cause: error });
    });
    this.ends.push(() => connection.close());
    try {
      await createTemporaryNamespace(connection, namespace);
    } catch (error) {
      throw new Error(`Temporal at ${address} does not let a namespace be made: ${messageOf(error)}`, {
        cause: error,
      });
    }
    this.ends.push(() => deleteTemporaryNamespace(connection, namespace));
    return { address, namespace };
  }

  private async startTemporal(): Promise<string> {
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
