/**
 * The deployment's identity: a random id that the migration made once, the same for every process on this database, after
 * every restart. Nothing replaces it. Should the row be lost, calls that need it are not made: vendors that count by it
 * would take whoever came with a new one for somebody else.
 */
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import type { Deployment } from '../vendors/contract';

export interface StoredDeployment extends Deployment {
  /** To be kept with a backup: what `id` is derived from. */
  readonly seed: string;
  /** Epoch ms. */
  readonly madeAt: number;
}

export class DeploymentLost extends Error {
  override readonly name = 'DeploymentLost';

  constructor() {
    super(
      "the deployment's id is gone from the table sluice.deployment, and with it the name that vendors count its calls by; " +
        "put it back from a backup (insert into sluice.deployment (id) values ('…')): no new one is made",
    );
  }
}

/** @throws DeploymentLost. */
export async function readDeployment(db: Pool): Promise<StoredDeployment> {
  const { rows } = await db.query<{ seed: string; madeAt: number }>(
    'select id::text as seed, made_at as "madeAt" from deployment',
  );
  const [row] = rows;
  if (!row) throw new DeploymentLost();
  return { id: digestOf(row.seed), seed: row.seed, madeAt: row.madeAt };
}

/** 16 hex digits of SHA-256: what is sent reveals nothing of what is stored. */
function digestOf(seed: string): string {
  return createHash('sha256').update(seed, 'utf8').digest('hex').slice(0, 16);
}
