/**
 * Evidence of a batch's items, for `quota/batches/alike.ts`: what others may have in common with an item (`alike`),
 * when (`at`, epoch ms), and how often it went back to the queue because it was not to blame (`putBack`, `putBackAt`).
 */
import type { Pool } from 'pg';
import { type AlikeKey, type AlikeTally, ITEMS_OWN } from '../../quota/batches/alike';

/** Of an item that was put back and not called since; for `select … from batch_items i`. */
export const PUT_BACK = `case when i.evidence ? 'putBackAt' then jsonb_build_object('alike', i.evidence -> 'alike',
  'times', i.evidence -> 'putBack', 'at', i.evidence -> 'putBackAt') end as "putBack"`;

export interface KnownTally extends AlikeTally {
  /** Epoch ms of the last usable answer; null before the first. */
  readonly lastUsableAt: number | null;
}

/** Usable answers so far, and when the last one came, epoch ms; null before the first. */
export async function readUsable(
  db: Pool,
  batchId: number,
): Promise<{ readonly usable: number; readonly at: number | null }> {
  const { rows } = await db.query<{ usable: number; at: number | null }>(
    `select count(*) as usable, extract(epoch from max(answered_at))::float8 * 1000 as at
     from batch_items where batch_id = $1 and state = 'done'`,
    [batchId],
  );
  return rows[0] ?? { usable: 0, at: null };
}

/** @param since epoch ms: a run of equal answers does not reach back behind an operator's last order. */
export async function readTally(db: Pool, batchId: number, since: number): Promise<KnownTally> {
  const { usable, at: lastUsableAt } = await readUsable(db, batchId);
  // Those that were put back are not in a row any more; of what the items themselves may be the cause, they count.
  const { rows } = await db.query<{ key: AlikeKey; n: number; row: number[] | null; latest: number }>(
    `select evidence ->> 'alike' as key, max((evidence ->> 'at')::float8) as latest,
       count(*) filter (where not evidence ? 'putBackAt'
                          or split_part(evidence ->> 'alike', ':', 1) = any ($3::text[])) as n,
       (array_agg(seq) filter (where not evidence ? 'putBackAt' and not evidence ? 'own'
                                 and (evidence ->> 'at')::float8 > $2::float8))[1:64] as row
     from batch_items where batch_id = $1 and state in ('failed', 'retry') and evidence ? 'alike' group by 1`,
    [batchId, Math.max(since, lastUsableAt ?? 0), ITEMS_OWN],
  );
  const [latest] = rows.filter(({ row }) => row !== null).sort((a, b) => b.latest - a.latest);
  return {
    usable,
    alike: new Map(rows.map(({ key, n }) => [key, n])),
    row: latest ? { key: latest.key, items: latest.row ?? [] } : null,
    lastUsableAt,
  };
}

/** Puts back items that are not to blame: called again behind all others, with the attempt given back. */
export async function putBack(db: Pool, batchId: number, seqs: readonly number[]): Promise<void> {
  await db.query(
    `with refused as materialized (
       select seq from batch_items where batch_id = $1 and seq = any ($2::int[]) and state in ('failed', 'retry')
       order by seq for update)
     update batch_items i set state = 'retry', attempts = greatest(0, attempts - 1), next_attempt_at = clock_timestamp(),
       answered_at = null, lease_owner = null, lease_until = null, response_id = null, result = null,
       evidence = coalesce(evidence, '{}') || jsonb_build_object(
         'putBack', coalesce((evidence ->> 'putBack')::int, 0) + 1,
         'putBackAt', extract(epoch from clock_timestamp())::float8 * 1000)
     from refused where i.batch_id = $1 and i.seq = refused.seq`,
    [batchId, seqs],
  );
}
