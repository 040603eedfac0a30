/**
 * Where a demo works in servers that it is given by `DATABASE_URL` and `TEMPORAL_ADDRESS`: in a database and a namespace of its
 * own, which go away with it. Pools are called the same there as anybody's who has the vendor, and a demo must not stop theirs.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionLike } from '@temporalio/client';
import type { StateDir } from '../../../embedded/state-dir';
import { parseSettings, type Settings } from '../../../settings';
import {
  createTemporaryDatabase,
  dropTemporaryDatabase,
  temporaryDatabaseName,
} from '../../../store/connections/temporary-database';
import { connectClient } from '../../../temporal/connection';
import {
  createTemporaryNamespace,
  deleteTemporaryNamespace,
  temporaryNamespaceName,
} from '../../../temporal/temporary-namespace';
import { ClientError, messageOf } from '../errors';

interface Names {
  readonly database: string | null;
  readonly namespace: string | null;
}

export class Places {
  private readonly file: string;
  /** What the environment said before the demo's own places were put into it. */
  private readonly given: Settings;

  constructor(
    dir: StateDir,
    private readonly env: NodeJS.ProcessEnv = process.env,
  ) {
    this.file = join(dir.root, 'places.json');
    this.given = parseSettings('', { file: null, baseDir: dir.root, env: { ...env } });
  }

  /**
   * Makes them, and has this process and its children work there. They are written down first, for `leave` to find.
   * @param label of the demo: letters and `-`.
   * @throws ClientError for a server that does not let them be made.
   */
  async take(label: string): Promise<void> {
    const url = this.given.database.url?.reveal() ?? null;
    const { address } = this.given.temporal;
    const database = url === null ? null : temporaryDatabaseName(`sluice_${label.replaceAll('-', '_')}`);
    const namespace = address === null ? null : temporaryNamespaceName(`sluice-${label}`);
    if (database === null && namespace === null) return;
    writeFileSync(this.file, JSON.stringify({ database, namespace } satisfies Names), { mode: 0o600 });
    if (url !== null && database !== null) {
      this.env.DATABASE_URL = await createTemporaryDatabase(url, database).catch((error: unknown) => {
        throw refused('database in the Postgres of DATABASE_URL', 'DATABASE_URL', error);
      });
    }
    if (namespace === null) return;
    await this.temporal((connection) => createTemporaryNamespace(connection, namespace)).catch(
      (error: unknown) => {
        throw refused('namespace in the Temporal of TEMPORAL_ADDRESS', 'TEMPORAL_ADDRESS', error);
      },
    );
    this.env.TEMPORAL_NAMESPACE = namespace;
  }

  /** Removes them, those of a demo of this folder that was killed, too. */
  async leave(): Promise<void> {
    const { database, namespace } = this.taken();
    const url = this.given.database.url?.reveal() ?? null;
    if (url !== null && database !== null) await dropTemporaryDatabase(url, database);
    if (this.given.temporal.address !== null && namespace !== null) {
      await this.temporal((connection) => deleteTemporaryNamespace(connection, namespace));
    }
    rmSync(this.file, { force: true });
  }

  private taken(): Names {
    try {
      return JSON.parse(readFileSync(this.file, 'utf8'));
    } catch {
      // None were taken, or a demo died while it wrote them down, before it made them.
      return { database: null, namespace: null };
    }
  }

  private async temporal(work: (connection: ConnectionLike) => Promise<void>) {
    const { client, close } = await connectClient(this.given, null);
    try {
      await work(client.connection);
    } finally {
      await close();
    }
  }
}

function refused(what: string, variable: string, error: unknown): ClientError {
  return new ClientError(
    `the demo cannot make a ${what}: ${messageOf(error)}. Without ${variable} it runs on a server of its own.`,
  );
}
