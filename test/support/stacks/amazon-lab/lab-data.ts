/** What a lab's accounts have in the database, and what the vendor has. */
import type { Pool } from 'pg';
import type { Span } from '../../../../quota/windows/chunks';
import { listSeries } from '../../../../store/datasets/datasets';
import { type CoverageSummary, coverage } from '../../../../store/datasets/ledger';
import { DATASET, MARKETPLACE } from '../stack';

/** What the simulator calls a dataset, and the columns of its view. */
const DATASETS: Record<string, { simulated: string; view: string; values: Record<string, string> }> = {
  'amazon/rt-sales': {
    simulated: 'sales',
    view: 'amazon_rt_sales',
    values: { ordered_units: 'orderedUnits', ordered_revenue: 'orderedRevenue' },
  },
  'amazon/rt-traffic': {
    simulated: 'traffic',
    view: 'amazon_rt_traffic',
    values: { glance_views: 'glanceViews' },
  },
  'amazon/rt-inventory': {
    simulated: 'inventory',
    view: 'amazon_rt_inventory',
    values: { highly_available_inventory: 'highlyAvailableInventory' },
  },
};

export interface LedgerWindow extends Span {
  readonly state: string;
  readonly reason: string | null;
  readonly retry_at: number | null;
  readonly rows: number;
  readonly evidence: Record<string, unknown>;
}

export class LabData<L extends string> {
  constructor(
    private readonly names: Readonly<Record<L, string>>,
    private readonly db: Pool,
    private readonly simulatorUrl: string,
  ) {}

  async seriesId(label: L, dataset = DATASET): Promise<number> {
    const [series] = await listSeries(this.db, { dataset, account: this.names[label] });
    if (series === undefined) throw new Error(`${label} has no series of ${dataset}`);
    return series.id;
  }

  async coverage(label: L, span: Span, dataset = DATASET): Promise<CoverageSummary> {
    return coverage(this.db, await this.seriesId(label, dataset), span, Date.now());
  }

  /** Windows of the ledger, oldest first. */
  async windows(label: L): Promise<LedgerWindow[]> {
    const { rows } = await this.db.query(
      `select lower(span) as "from", upper(span) as "to", state, reason, retry_at, row_count::int as rows,
              evidence
       from coverage where series_id = $1 order by lower(span)`,
      [await this.seriesId(label)],
    );
    return rows;
  }

  async jobs(label: L): Promise<{ state: string; reason: string | null; from: number; to: number }[]> {
    const { rows } = await this.db.query(
      `select state, reason, lower(span) as "from", upper(span) as "to" from jobs
       where series_id = $1 order by id`,
      [await this.seriesId(label)],
    );
    return rows;
  }

  /** Our rows of a span, to be equal to `truth`. */
  async rows(label: L, span: Span, dataset = DATASET): Promise<unknown[]> {
    const { view, values } = described(dataset);
    const { rows } = await this.db.query(
      `select start_time, asin, ${Object.keys(values).join(', ')} from ${view}
       where account = $1 and start_time >= $2 and end_time <= $3 order by start_time, asin`,
      [this.names[label], new Date(span.from), new Date(span.to)],
    );
    return rows;
  }

  /** The vendor's rows of a span as they are at this moment. */
  async truth(label: L, span: Span, dataset = DATASET): Promise<unknown[]> {
    const { simulated, values } = described(dataset);
    const query = new URLSearchParams({
      account: this.names[label],
      dataset: simulated,
      marketplace: MARKETPLACE,
      from: new Date(span.from).toISOString(),
      to: new Date(span.to).toISOString(),
    });
    const answer = await fetch(`${this.simulatorUrl}/_sim/truth?${query}`);
    const { rows } = (await answer.json()) as { rows: Record<string, unknown>[] };
    return rows
      .map((row) => ({
        start_time: Date.parse(String(row.startTime)),
        asin: String(row.asin),
        ...Object.fromEntries(Object.entries(values).map(([column, field]) => [column, row[field]])),
      }))
      .sort((a, b) => a.start_time - b.start_time || (a.asin < b.asin ? -1 : 1));
  }

  /** A day has passed since the last audits. */
  async makeAuditsDue(label: L): Promise<void> {
    await this.db.query(
      `update series set daily_audit_at = now() - interval '8 days', weekly_audit_at = now() - interval '8 days'
       where account = $1`,
      [this.names[label]],
    );
  }

  /** As if the ledger's windows, and the requests for them, were of another time; the rows stay where they are. */
  async shiftWindows(label: L, ms: number): Promise<void> {
    const seriesId = await this.seriesId(label);
    // Far away first, for no two windows may overlap at any moment.
    for (const days of [-1000, 1000 + ms / 86_400_000]) {
      await this.db.query(
        `update coverage set fetched_at = fetched_at + $2::interval,
           span = tstzrange(lower(span) + $2::interval, upper(span) + $2::interval) where series_id = $1`,
        [seriesId, `${days} days`],
      );
    }
    await this.db.query(`update jobs set requested_at = requested_at + $2::interval where series_id = $1`, [
      seriesId,
      `${ms} milliseconds`,
    ]);
  }
}

function described(dataset: string) {
  const found = DATASETS[dataset];
  if (found === undefined) throw new RangeError(`no dataset ${dataset}`);
  return found;
}
