/** A plain caller of the Amazon simulator: what tests of the simulator itself send, and nothing clever. */
import { gunzipSync } from 'node:zlib';

export const HOUR = 3_600_000;
export const SALES = 'GET_VENDOR_REAL_TIME_SALES_REPORT';
export const TRAFFIC = 'GET_VENDOR_REAL_TIME_TRAFFIC_REPORT';
export const INVENTORY = 'GET_VENDOR_REAL_TIME_INVENTORY_REPORT';
export const MARKET = 'A1PA6795UKMFR9';

export const iso = (ms: number) => new Date(ms).toISOString();

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface DataRow {
  startTime: string;
  endTime: string;
  asin: string;
  orderedUnits: number;
  /** The text that was printed. */
  orderedRevenue: string;
}

export interface Truth {
  hours: { startTime: string; ready: boolean; revision: number; rows: number }[];
  rows: DataRow[];
}

export function requestToken(url: string, fields: Record<string, string> = {}): Promise<Response> {
  const form = {
    grant_type: 'refresh_token',
    client_id: 'app',
    client_secret: 'x',
    refresh_token: 'Atzr|acme',
  };
  return fetch(`${url}/auth/o2/token`, { method: 'POST', body: new URLSearchParams({ ...form, ...fields }) });
}

export async function login(url: string, refreshToken = 'Atzr|acme', client = 'app'): Promise<string> {
  const response = await requestToken(url, { refresh_token: refreshToken, client_id: client });
  return ((await response.json()) as { access_token: string }).access_token;
}

/** One call of the Reports API; `body` is sent as JSON, or as it is when it is a string. */
export async function api(
  url: string,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Reply> {
  const response = await fetch(`${url}/reports/2021-06-30${path}`, {
    method,
    headers: {
      'x-amz-access-token': token,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const { status, headers } = response;
  return { status, headers, body: (await response.json()) as Record<string, unknown> };
}

export function salesRequest(startMs: number, endMs: number): Record<string, unknown> {
  return {
    reportType: SALES,
    marketplaceIds: [MARKET],
    dataStartTime: iso(startMs),
    dataEndTime: iso(endMs),
    reportOptions: { currencyCode: 'EUR' },
  };
}

/** getReportDocument and the download, unpacked. */
export async function fetchDocument(
  url: string,
  token: string,
  documentId: unknown,
): Promise<{ url: string; text: string }> {
  const described = await api(url, token, 'GET', `/documents/${documentId}`);
  if (described.status !== 200) throw new Error(`getReportDocument: ${JSON.stringify(described.body)}`);
  const link = String(described.body.url);
  const response = await fetch(link);
  if (response.status !== 200) throw new Error(`download: ${response.status} ${await response.text()}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  const gzip = described.body.compressionAlgorithm === 'GZIP';
  return { url: link, text: (gzip ? gunzipSync(bytes) : bytes).toString('utf8') };
}

/** The rows of a document, revenue as the text it was printed as. */
export function rowsIn(text: string): DataRow[] {
  const quoted = text.replace(/"orderedRevenue":(-?[\d.]+)/g, '"orderedRevenue":"$1"');
  return (JSON.parse(quoted) as { reportData: DataRow[] }).reportData;
}

export async function truth(url: string, query: Record<string, string>): Promise<Truth> {
  const response = await fetch(`${url}/_sim/truth?${new URLSearchParams({ marketplace: MARKET, ...query })}`);
  if (response.status !== 200) throw new Error(`truth: ${await response.text()}`);
  return (await response.json()) as Truth;
}
