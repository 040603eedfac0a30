/**
 * Amazon's vendor real-time reports. Spans, lookbacks and fields are those of Amazon's report pages
 * ("Vendor retail analytics reports") and JSON schemas; all of them are data that the settings can override.
 */
import { DAY_MS, HOUR_MS } from '../../quota/durations';
import type { ChunkPolicy } from '../../quota/windows/chunks';
import type { DatasetColumn, DatasetDescription, PartitionColumn } from '../dataset';

const MARKETPLACE: PartitionColumn = {
  name: 'marketplaceId',
  column: 'marketplace_id',
  title: 'Marketplace, e.g. ATVPDKIKX0DER',
};

const ASIN: DatasetColumn = {
  name: 'asin',
  field: 'asin',
  kind: 'text',
  sqlType: 'text',
  key: true,
  title: 'Amazon Standard Identification Number',
};

const LOOKBACK_MS = 30 * DAY_MS;

/** Data is usually ready 10 to 60 minutes after the hour has ended; requested sooner, reports end FATAL. */
const SAFE_LAG_MS = HOUR_MS;

function chunks(maxSpanMs: number): ChunkPolicy {
  return {
    gridMs: HOUR_MS,
    chunkMs: 6 * HOUR_MS,
    joinOlderThanMs: 48 * HOUR_MS,
    maxSpanMs,
    lookbackMs: LOOKBACK_MS,
    safeLagMs: SAFE_LAG_MS,
  };
}

export const RT_SALES: DatasetDescription = {
  id: 'amazon/rt-sales',
  vendor: 'amazon',
  title: 'Vendor real-time sales',
  reportType: 'GET_VENDOR_REAL_TIME_SALES_REPORT',
  table: 'amazon_rt_sales',
  columns: [
    ASIN,
    {
      name: 'ordered_units',
      field: 'orderedUnits',
      kind: 'integer',
      sqlType: 'bigint',
      key: false,
      title: 'Units ordered in the hour; negative when more were cancelled than ordered',
    },
    {
      name: 'ordered_revenue',
      field: 'orderedRevenue',
      kind: 'decimal',
      sqlType: 'numeric',
      key: false,
      title: 'Ordered product sales in the hour, in the currency of the series, adjusted for cancellations',
    },
  ],
  // The rows carry no currency, so it has to be part of what identifies them.
  partition: [
    MARKETPLACE,
    { name: 'currencyCode', column: 'currency', title: 'ISO 4217 currency of amounts' },
  ],
  options: ['currencyCode'],
  lookbackMs: LOOKBACK_MS,
  maxSpanMs: 14 * DAY_MS,
  gridMs: HOUR_MS,
  endLagMs: 0,
  chunks: chunks(14 * DAY_MS),
};

export const RT_TRAFFIC: DatasetDescription = {
  id: 'amazon/rt-traffic',
  vendor: 'amazon',
  title: 'Vendor real-time traffic',
  reportType: 'GET_VENDOR_REAL_TIME_TRAFFIC_REPORT',
  table: 'amazon_rt_traffic',
  columns: [
    ASIN,
    {
      name: 'glance_views',
      field: 'glanceViews',
      kind: 'integer',
      sqlType: 'bigint',
      key: false,
      title: 'Views of the product page in the hour',
    },
  ],
  partition: [MARKETPLACE],
  options: [],
  lookbackMs: LOOKBACK_MS,
  maxSpanMs: 14 * DAY_MS,
  gridMs: HOUR_MS,
  // Amazon refuses traffic reports that end less than 60 minutes before the request.
  endLagMs: HOUR_MS,
  chunks: chunks(14 * DAY_MS),
};

export const RT_INVENTORY: DatasetDescription = {
  id: 'amazon/rt-inventory',
  vendor: 'amazon',
  title: 'Vendor real-time inventory',
  reportType: 'GET_VENDOR_REAL_TIME_INVENTORY_REPORT',
  table: 'amazon_rt_inventory',
  columns: [
    ASIN,
    {
      name: 'highly_available_inventory',
      field: 'highlyAvailableInventory',
      kind: 'integer',
      sqlType: 'bigint',
      key: false,
      title: 'Sellable units that Amazon holds at the end of the hour',
    },
  ],
  partition: [MARKETPLACE],
  options: [],
  lookbackMs: LOOKBACK_MS,
  maxSpanMs: 7 * DAY_MS,
  gridMs: HOUR_MS,
  endLagMs: 0,
  chunks: chunks(7 * DAY_MS),
};

export const AMAZON_DATASETS: readonly DatasetDescription[] = [RT_SALES, RT_TRAFFIC, RT_INVENTORY];
