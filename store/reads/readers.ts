/** How fast end users read, over all processes. A user is known here by a keyed hash. */
import type { Pool } from 'pg';

const SWEEP_MS = 60_000;
const FORGOTTEN = "interval '5 minutes'";

export class ReaderBuckets {
  private sweptAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly db: Pool) {}

  /**
   * Takes one read out of the user's bucket, which holds as many as a minute allows and fills up evenly.
   * @returns how long to wait for the next, ms; null when it was taken.
   */
  async take(reader: string, perMinute: number): Promise<number | null> {
    await this.sweep();
    const left = `greatest(0, b.level - extract(epoch from clock_timestamp() - b.at) * $2::float8 / 60)`;
    const { rowCount } = await this.db.query(
      `insert into reader_buckets as b (reader, level, at) values ($1, 1, clock_timestamp())
       on conflict (reader) do update set level = ${left} + 1, at = clock_timestamp() where ${left} + 1 <= $2`,
      [reader, perMinute],
    );
    if (rowCount === 1) return null;
    const { rows } = await this.db.query<{ wait: number }>(
      `select greatest(0, (${left} + 1 - $2) * 60000 / $2)::float8 as wait from reader_buckets b where reader = $1`,
      [reader, perMinute],
    );
    return Math.max(1, Math.ceil(rows[0]?.wait ?? 0));
  }

  private async sweep(): Promise<void> {
    const now = performance.now();
    if (now - this.sweptAt < SWEEP_MS) return;
    this.sweptAt = now;
    await this.db.query(`delete from reader_buckets where at < clock_timestamp() - ${FORGOTTEN}`);
  }
}
