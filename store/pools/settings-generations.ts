/** Generations of the settings in Postgres: which process last defined an account's pool and limits. */
import type { Pool } from 'pg';
import { type Generation, type PoolDefinitions, standingOf } from '../../quota/pools/settings-generation';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';

export interface PublishedBy {
  /** Who and with which file, e.g. `ann@host: /etc/sluice/sluice.yaml`. */
  readonly author: string;
  /** An operator has published them: these are the right ones. */
  readonly byHand: boolean;
}

export interface PoolStanding {
  readonly pool: string;
  /** What this process may write as; 0 for definitions that never stood. */
  readonly generation: number;
  /** Null when its definitions stand; else those that do. */
  readonly supersededBy: SettingsGeneration | null;
  /** They have just taken the place of others. */
  readonly hasReplaced: boolean;
}

export interface SettingsGeneration extends Generation {
  readonly pool: string;
  readonly publishedBy: string;
  /** Epoch ms. */
  readonly publishedAt: number;
}

/** Processes that start together publish one after the other. */
const PUBLISH_LOCK = `select pg_advisory_xact_lock(hashtextextended('settings', 45))`;

/** Publishes what is new among the definitions, with an event for each change, and says where each of them stands. */
export async function publishDefinitions(
  db: Pool,
  definitions: readonly PoolDefinitions[],
  { author, byHand }: PublishedBy,
): Promise<PoolStanding[]> {
  return inTransaction(db, async (client) => {
    await client.query(PUBLISH_LOCK);
    const standings: PoolStanding[] = [];
    for (const own of definitions) {
      const { rows } = await client.query<SettingsGeneration>(`${GENERATIONS} where pool = $1`, [own.pool]);
      const standing = standingOf(rows, own, byHand);
      if (standing.kind === 'publish') {
        const inserted = await client.query<{ generation: number }>(
          `insert into settings_generations (pool, digest, file_ms, published_by) values ($1, $2, $3, $4)
           returning generation`,
          [own.pool, own.digest, own.fileMs, author],
        );
        const generation = inserted.rows[0]?.generation ?? 0;
        if (rows.length > 0) {
          await insertEvent(client, 'settings.published', own.pool, { generation, by: author });
          await dropLimits(client, own);
        }
        standings.push({ pool: own.pool, generation, supersededBy: null, hasReplaced: rows.length > 0 });
        continue;
      }
      if (standing.kind === 'current' && own.fileMs !== null) {
        // The same file lies on several machines: it is as old as its oldest copy.
        await client.query(
          'update settings_generations set file_ms = $2 where generation = $1 and file_ms > $2',
          [standing.generation, own.fileMs],
        );
      }
      const current = standing.kind === 'older' ? standing.current : null;
      const supersededBy = rows.find(({ generation }) => generation === current) ?? null;
      if (supersededBy !== null) {
        const { generation, publishedBy } = supersededBy;
        const about = { by: author, generation, publishedBy };
        await insertEvent(client, 'settings.superseded', own.pool, about);
      }
      standings.push({
        pool: own.pool,
        generation: standing.generation,
        supersededBy,
        hasReplaced: false,
      });
    }
    return standings;
  });
}

/** Limits that the settings have no more stop nothing, and nobody is to be shown them. */
async function dropLimits(client: Pick<Pool, 'query'>, { pool, limits }: PoolDefinitions): Promise<void> {
  await client.query(
    `delete from pool_limits p using limits l
     where p.pool = $1 and l.key = p.limit_key and not l.name = any ($2)`,
    [pool, limits],
  );
}

const GENERATIONS = `
  select pool, generation, digest, file_ms as "fileMs", published_by as "publishedBy", published_at as "publishedAt"
  from settings_generations`;

/** The generation that stands for each of these pools; those without one are left out. */
export async function currentGenerations(db: Pool, pools: readonly string[]): Promise<SettingsGeneration[]> {
  const { rows } = await db.query<SettingsGeneration>(
    `select distinct on (pool) * from (${GENERATIONS} where pool = any ($1)) g order by pool, generation desc`,
    [pools],
  );
  return rows;
}
