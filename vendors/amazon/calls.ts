/**
 * Requests of the Reports API 2021-06-30 and of Login with Amazon, and what their answers mean in the words of
 * vendors/capabilities/reports.ts. Nothing is sent from here.
 */

import { MINUTE_MS } from '../../quota/durations';
import type { LoginApi } from '../capabilities/login';
import type { ReportApi, ReportRequest, ReportStatus } from '../capabilities/reports';
import type { HttpRequest, Parsed } from '../http';
import { requestIdOf } from './classify';
import {
  type AmazonReport,
  classifyFatal,
  parseCreateReport,
  parseLwaToken,
  parseReport,
  parseReportDocument,
  parseReportsPage,
} from './contract';
import { openReportDocument, readErrorDocument } from './document/document';
import { currencyOf } from './marketplaces';
import { type AmazonAccount, amazonEndpoints } from './settings';

const REPORTS = '/reports/2021-06-30';
/** Amazon: the document URL expires after 5 minutes; half a minute is kept back for the download to begin. */
const URL_LIFETIME_MS = 4.5 * MINUTE_MS;
const PAGE_SIZE = 100;

/** How a report can have ended. Under any other status it is still being made, for all that is known. */
const ENDED: ReadonlyMap<string, ReportStatus['status']> = new Map([
  ['DONE', 'done'],
  ['CANCELLED', 'cancelled'],
  ['FATAL', 'fatal'],
]);

export function amazonReports(account: AmazonAccount): ReportApi {
  const { baseUrl } = amazonEndpoints(account);
  const userAgent = account.userAgent ?? 'Sluice/0.1 (Language=TypeScript; Platform=Node.js)';
  const headers = { accept: 'application/json', 'user-agent': userAgent };
  const get = (path: string): HttpRequest => ({ method: 'GET', url: `${baseUrl}${REPORTS}${path}`, headers });
  return {
    operations: {
      create: 'createReport',
      list: 'getReports',
      get: 'getReport',
      document: 'getReportDocument',
      download: 'downloadDocument',
    },
    urlLifetimeMs: URL_LIFETIME_MS,
    documents: { baseUrl, hosts: account.documentHosts },
    attributes: ({ reportType }) => ({ reportType }),
    authorize: (request, token, nowMs) => ({
      ...request,
      headers: { ...request.headers, 'x-amz-access-token': token, 'x-amz-date': amzDate(nowMs) },
    }),
    create: (request) => ({
      method: 'POST',
      url: `${baseUrl}${REPORTS}/reports`,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(createBody(request)),
    }),
    parseCreate: parseCreateReport,
    requestId: ({ headers }) => requestIdOf(headers),
    get: (reportId) => get(`/reports/${encodeURIComponent(reportId)}`),
    parseGet: (body) => map(parseReport(body), toStatus),
    list: (query) => {
      const params =
        'nextToken' in query
          ? new URLSearchParams({ nextToken: query.nextToken })
          : new URLSearchParams({
              reportTypes: query.reportType,
              pageSize: String(PAGE_SIZE),
              createdSince: new Date(query.createdSince).toISOString(),
            });
      return get(`/reports?${params}`);
    },
    parseList: (body) =>
      map(parseReportsPage(body), (page) => ({
        reports: page.reports.map(toStatus),
        nextToken: page.nextToken ?? null,
      })),
    document: (documentId) => get(`/documents/${encodeURIComponent(documentId)}`),
    parseDocument: (body) =>
      map(parseReportDocument(body), ({ url, compressionAlgorithm }) => ({ url, compressionAlgorithm })),
    matches,
    openDocument: (source, request, location) => openReportDocument(source, request, location),
    readErrorDocument: (source, location) => readErrorDocument(source, location),
    classifyFatal: (text) => (text === null ? 'unknown' : classifyFatal(text)),
  };
}

export function amazonLogin(account: AmazonAccount): LoginApi {
  const { tokenUrl } = amazonEndpoints(account);
  return {
    operation: 'login',
    credentials: account.credentials,
    request: (secrets) => ({
      method: 'POST',
      url: tokenUrl,
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
      },
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: secrets.refreshToken ?? '',
        client_id: secrets.clientId ?? '',
        client_secret: secrets.clientSecret ?? '',
      }).toString(),
    }),
    parse: parseLwaToken,
  };
}

/** The partitions of an account's dataset: one for each marketplace, with the currency where the dataset has one. */
export function amazonPartitions(
  account: AmazonAccount,
  dataset: { readonly options: readonly string[] },
): Record<string, string>[] {
  return account.marketplaces.map((marketplaceId) => ({
    marketplaceId,
    ...(dataset.options.includes('currencyCode')
      ? { currencyCode: currencyOf(account, marketplaceId) ?? '' }
      : {}),
  }));
}

/** An option that the type does not define is never sent: Amazon refuses it. */
function createBody({ dataset, partition, span }: ReportRequest): Record<string, unknown> {
  const options = Object.fromEntries(dataset.options.map((name) => [name, partition[name] ?? '']));
  return {
    reportType: dataset.reportType,
    marketplaceIds: [partition.marketplaceId],
    dataStartTime: new Date(span.from).toISOString(),
    dataEndTime: new Date(span.to).toISOString(),
    ...(dataset.options.length > 0 ? { reportOptions: options } : {}),
  };
}

function toStatus(report: AmazonReport): ReportStatus {
  const { dataStartTime: from, dataEndTime: to } = report;
  return {
    reportId: report.reportId,
    reportType: report.reportType,
    status: ENDED.get(report.processingStatus.toUpperCase()) ?? 'pending',
    said: report.processingStatus,
    span: from === undefined || to === undefined ? null : { from, to },
    series: report.marketplaceIds ?? [],
    createdAt: report.createdTime,
    documentId: report.reportDocumentId ?? null,
  };
}

/** Options are not echoed, so the currency of an adopted report shows only in its document, which is checked. */
function matches(report: ReportStatus, request: ReportRequest): boolean {
  return (
    report.reportType === request.dataset.reportType &&
    report.span?.from === request.span.from &&
    report.span.to === request.span.to &&
    report.series.length === 1 &&
    report.series[0] === request.partition.marketplaceId
  );
}

/** `20261124T093000Z`, as the SP-API's header wants it. */
function amzDate(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function map<A, B>(parsed: Parsed<A>, to: (value: A) => B): Parsed<B> {
  return parsed.ok ? { ok: true, value: to(parsed.value) } : parsed;
}
