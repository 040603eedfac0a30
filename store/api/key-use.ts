/** How often callers of the HTTP API ask, over all processes: keys, addresses that show wrong ones, end users. */
import type { Pool } from 'pg';

export interface WantedRequests {
  /** Id of a key, or of what else is counted. */
  readonly key: string;
  readonly perMinute: number;
  /** How many are taken at once. */
  readonly part: number;
}

export interface TakenRequests {
  /** 0: the minute is used up. */
  readonly granted: number;
  /** Until the minute is over, which begins with its first request; ms. */
  readonly leftMs: number;
}

/** By the database's clock; a minute that lies in its future is over. */
const RUNS = `u.began_at between clock_timestamp() - interval '1 minute' and clock_timestamp()`;
const USED = `case when ${RUNS} then u.taken else 0 end`;
const GRANTED = `greatest(0, least($2::int, $3::int - ${USED}))`;

export async function takeRequestShare(
  db: Pool,
  { key, perMinute, part }: WantedRequests,
): Promise<TakenRequests> {
  const { rows } = await db.query<TakenRequests>({
    name: 'take_request_share',
    text: `insert into api_key_use as u (key, began_at, taken, granted)
           values ($1, clock_timestamp(), least($2::int, $3::int), least($2::int, $3::int))
           on conflict (key) do update set
             began_at = case when ${RUNS} then u.began_at else clock_timestamp() end,
             taken = ${USED} + ${GRANTED},
             granted = ${GRANTED}
           returning granted,
             (extract(epoch from began_at + interval '1 minute' - clock_timestamp()) * 1000)::float8 as "leftMs"`,
    values: [key, part, perMinute],
  });
  const [taken] = rows;
  if (taken === undefined) throw new Error('the request was not counted');
  return { granted: taken.granted, leftMs: Math.max(1, taken.leftMs) };
}

/** Minutes that are long over. */
export async function pruneRequestShares(db: Pool): Promise<void> {
  await db.query(
    `delete from api_key_use where key in
       (select key from api_key_use where began_at < clock_timestamp() - interval '10 minutes' limit 5000)`,
  );
}
