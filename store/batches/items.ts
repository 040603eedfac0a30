/** A batch's items in the order of its input, page by page. */
import type { Pool } from 'pg';

export const ITEM_STATES = ['pending', 'running', 'retry', 'done', 'failed'] as const;
export type ItemState = (typeof ITEM_STATES)[number];

export interface BatchItem {
  readonly seq: number;
  readonly id: string;
  readonly state: ItemState;
  readonly attempts: number;
  readonly responseId: string | null;
  /** Of the last failure. */
  readonly evidence: unknown;
  /** Epoch ms; null while it is not to be tried again. */
  readonly nextAttemptAt: number | null;
  readonly answeredAt: number | null;
}

export async function listItems(
  db: Pool,
  batchId: number,
  page: { readonly states: readonly ItemState[]; readonly after: number; readonly limit: number },
): Promise<BatchItem[]> {
  const { rows } = await db.query<BatchItem>(
    `select seq, external_id as id, state, attempts, response_id as "responseId", evidence,
       next_attempt_at as "nextAttemptAt", answered_at as "answeredAt"
     from batch_items where batch_id = $1 and seq > $2 and (cardinality($3::text[]) = 0 or state = any ($3))
     order by seq limit $4`,
    [batchId, page.after, page.states, page.limit],
  );
  return rows;
}
