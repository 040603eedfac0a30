/** Outcomes of items, stored as they arrive. An item has one result: the first that was stored. */
import type { Pool } from 'pg';
import { jsonText } from '../storable';

/** What became of one claimed item. */
export type ItemOutcome =
  | { readonly seq: number; readonly state: 'done'; readonly responseId: string; readonly result: ItemResult }
  /** Final until somebody asks for it again. A text that must not be used is kept in `result`. */
  | {
      readonly seq: number;
      readonly state: 'failed';
      readonly evidence: ItemEvidence;
      readonly responseId?: string;
      readonly result?: ItemResult;
    }
  /** Counts as an attempt unless `free`. */
  | {
      readonly seq: number;
      readonly state: 'retry';
      readonly evidence: ItemEvidence;
      readonly waitMs: number;
      readonly free: boolean;
    }
  /** Nothing was sent: tried later, with the evidence that it has. */
  | { readonly seq: number; readonly state: 'later'; readonly waitMs: number }
  /** Nothing was sent: back where it came from. */
  | { readonly seq: number; readonly state: 'released' };

/** Why an item has no result. */
export interface ItemEvidence {
  readonly kind?: string;
  readonly reason: string;
  readonly [more: string]: unknown;
}

export interface ItemResult {
  readonly text: string;
  /** Epoch ms, as the vendor says. */
  readonly createdAt: number;
}

/**
 * Stores outcomes in one statement. A result is kept even if the page's lease has run out, unless the item has one;
 * anything else counts only from the page that holds the item.
 * @returns the items that were changed.
 */
export async function storeOutcomes(
  db: Pool,
  batchId: number,
  owner: string,
  outcomes: readonly ItemOutcome[],
): Promise<number> {
  if (outcomes.length === 0) return 0;
  const { rowCount } = await db.query({
    name: 'store_batch_outcomes',
    text: `with wanted as materialized (
         select * from jsonb_to_recordset($3::jsonb) r (seq int, state text, "responseId" text, result jsonb,
                                                        evidence jsonb, "waitMs" float8, free boolean)
       ), locked as materialized (
         select seq from batch_items where batch_id = $1 and seq = any (array(select seq from wanted))
         order by seq for update)
       update batch_items i set
         state = case when r.state = 'released' then case when i.next_attempt_at is null then 'pending' else 'retry' end
                      when r.state = 'later' then 'retry' else r.state end,
         attempts = i.attempts + case when r.state = 'failed' or (r.state = 'retry' and not r.free) then 1 else 0 end,
         next_attempt_at = case when r.state in ('retry', 'later')
           then clock_timestamp() + r."waitMs" * interval '1 millisecond' else i.next_attempt_at end,
         lease_owner = null, lease_until = null,
         response_id = coalesce(r."responseId", i.response_id),
         result = coalesce(r.result, i.result),
         evidence = case when r.state = 'done' then null else coalesce(r.evidence, i.evidence) end,
         answered_at = case when r.state in ('done', 'failed') then clock_timestamp() else i.answered_at end
       from locked join wanted r using (seq)
       where i.batch_id = $1 and i.seq = r.seq
         and case when r.state = 'done' then i.state <> 'done'
                  else i.state = 'running' and i.lease_owner = $2 end`,
    values: [batchId, owner, jsonText(outcomes)],
  });
  return rowCount ?? 0;
}
