/** A batch's items as they stand: counted, listed in the order of the input, exported. */
import type { Pool } from 'pg';
import type { ItemResult } from './outcomes';

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

export interface BatchCounts {
  readonly pending: number;
  readonly running: number;
  readonly retry: number;
  readonly done: number;
  readonly failed: number;
  /** Epoch ms at which the next retry is due, or a dead page's lease ends; null when there is neither. */
  readonly nextDueAt: number | null;
}

/** Of a page's items; what lies further ahead was set before the clock went back. */
const LONGEST_LEASE = `interval '1 minute'`;

export async function countItems(db: Pool, batchId: number): Promise<BatchCounts> {
  const { rows } = await db.query<{ state: keyof BatchCounts; n: number; due: number | null }>(
    `select state, count(*) as n, min(case state when 'retry' then next_attempt_at
              when 'running' then least(lease_until, clock_timestamp() + ${LONGEST_LEASE}) end) as due
     from batch_items where batch_id = $1 group by state`,
    [batchId],
  );
  const of = (state: string) => rows.find((row) => row.state === state)?.n ?? 0;
  const due = rows.flatMap((row) => (row.due === null ? [] : [row.due]));
  return {
    pending: of('pending'),
    running: of('running'),
    retry: of('retry'),
    done: of('done'),
    failed: of('failed'),
    nextDueAt: due.length === 0 ? null : Math.min(...due),
  };
}

export interface EndedItem {
  readonly seq: number;
  readonly externalId: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly state: 'done' | 'failed';
  readonly responseId: string | null;
  readonly result: ItemResult | null;
  readonly evidence: { readonly reason?: string; readonly [key: string]: unknown } | null;
}

const PAGE = 2000;

/** Items that have ended, in the input's order, a page at a time. May be read while the batch runs. */
export async function* endedItems(db: Pool, batchId: number): AsyncGenerator<readonly EndedItem[]> {
  for (let after = -1; ; ) {
    const { rows } = await db.query<EndedItem>(
      `select seq, external_id as "externalId", variables, state, response_id as "responseId", result, evidence
       from batch_items where batch_id = $1 and seq > $2 and state in ('done', 'failed') order by seq limit ${PAGE}`,
      [batchId, after],
    );
    const last = rows.at(-1);
    if (!last) return;
    yield rows;
    after = last.seq;
  }
}

/** Why items of a batch fail, without the ids of single requests. */
export interface ItemProblem {
  readonly reason: string;
  readonly n: number;
}

/** Why the item that is due next was not answered, at most 160 characters; null when none is to be tried again. */
export async function nextRetryReason(db: Pool, batchId: number): Promise<string | null> {
  const { rows } = await db.query<{ reason: string }>(
    `select left(evidence ->> 'reason', 160) as reason from batch_items
     where batch_id = $1 and state = 'retry' and evidence ? 'reason' order by next_attempt_at limit 1`,
    [batchId],
  );
  return rows[0]?.reason ?? null;
}

/** The most frequent reasons of items that have failed or are to be tried again, at most 10. */
export async function itemProblems(db: Pool, batchId: number): Promise<readonly ItemProblem[]> {
  const { rows } = await db.query<ItemProblem>(
    `select left(regexp_replace(coalesce(evidence ->> 'reason', 'failed'), ', request [^ )]+\\)$', ')'), 160) as reason,
            count(*) as n from batch_items
     where batch_id = $1 and state in ('failed', 'retry') group by 1 order by 2 desc limit 10`,
    [batchId],
  );
  return rows;
}
