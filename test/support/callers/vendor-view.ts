/** The vendor's side of a test: what it holds, and which calls it saw. Read over HTTP, as a stranger would. */
import type { Arrival } from '../../../vendors/kit/judge/arrivals';

export type VendorCallSeen = Pick<
  Arrival,
  't' | 'operation' | 'account' | 'status' | 'requestId' | 'requestDetail'
>;

async function ask<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  const body = (await answer.json()) as T;
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${JSON.stringify(body)}`);
  return body;
}

/** Every call that arrived, oldest first. */
export async function callsSeen(baseUrl: string): Promise<readonly VendorCallSeen[]> {
  return ask(`${baseUrl}/_sim/calls`);
}

/** The true sales of a span, in the shape and order of the view `amazon_rt_sales`. */
export async function trueSales(
  baseUrl: string,
  account: string,
  span: { readonly from: number; readonly to: number },
): Promise<readonly unknown[]> {
  const query = new URLSearchParams({
    account,
    dataset: 'sales',
    marketplace: 'ATVPDKIKX0DER',
    from: new Date(span.from).toISOString(),
    to: new Date(span.to).toISOString(),
  });
  const { rows } = await ask<{
    rows: { startTime: string; asin: string; orderedUnits: number; orderedRevenue: string }[];
  }>(`${baseUrl}/_sim/truth?${query}`);
  return rows
    .map((row) => ({
      start_time: Date.parse(row.startTime),
      asin: row.asin,
      ordered_units: row.orderedUnits,
      ordered_revenue: row.orderedRevenue,
    }))
    .sort((a, b) => a.start_time - b.start_time || (a.asin < b.asin ? -1 : 1));
}

/** Our rows, to be equal to `trueSales`. */
export const SALES_QUERY =
  'select start_time, asin, ordered_units, ordered_revenue from amazon_rt_sales order by start_time, asin';
