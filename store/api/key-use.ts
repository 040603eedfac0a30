/** How often keys of the HTTP API are used, over all processes. */
import type { Pool } from 'pg';

export interface WantedRequests {
  /** Its id. */
  readonly key: string;
  readonly perMinute: number;
  /** How many are taken at once. */
  readonly part: number;
}

export interface TakenRequests {
  /** 0: the key's minute is used up. */
  readonly granted: number;
  /** Until the minute is over, which begins with its first request; ms. */
  readonly leftMs: number;
}

/** By the database's clock; a minute that lies in its future is over. */
const RUNS = `u.began_at between clock_timestamp() - interval '1 minute' and clock_timestamp()`;
const USED = `case when ${RUNS} then u.taken else 0 end`;
const GRANTED = `greatest(0, least($2::int, $3::int - ${USED}))`;

export async function takeKeyRequests(
  db: Pool,
  { key, perMinute, part }: WantedRequests,
): Promise<TakenRequests> {
  const { rows } = await db.query<TakenRequests>({
    name: 'take_key_requests',
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
  if (taken === undefined) throw new Error('the key was not counted');
  return { granted: taken.granted, leftMs: Math.max(1, taken.leftMs) };
}
