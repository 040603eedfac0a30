/** Amazon as the simulator kit sees it: which call is what, whose it is, and who answers it. */

import type { Clock } from '../../kit/clock';
import type { LimitBook } from '../../kit/judge/limit-book';
import { json } from '../../kit/server/server';
import type { Identified, SimAnswer, SimCall, SimRequest, SimulatedVendor } from '../../kit/vendor';
import { amazonControlShape, applyAmazonControl, toRestatement } from './control';
import { SimWorld } from './data';
import { DocumentStore, STORE_PATH } from './documents';
import { invalidInput, notFound, quotaExceeded, tokenExpired, tokenRevoked, tokenUnknown } from './errors';
import { listReports } from './list-reports';
import { type AmazonScenario, amazonLimits, type Operation } from './options';
import { amazonPages } from './pages';
import { ReportDesk } from './reports';
import { TokenDesk } from './tokens';
import { validateCreateReport } from './validate';

const API = '/reports/2021-06-30';

interface Route {
  readonly operation: Operation | 'token' | 'downloadDocument' | 'unknown';
  /** The id in the path, decoded. */
  readonly id: string;
}

export function createAmazonVendor(
  scenario: AmazonScenario,
  record: (entry: unknown) => void,
  clock: Clock,
): SimulatedVendor {
  const world = new SimWorld(scenario.seed, scenario.data);
  for (const spec of scenario.data.restatements) world.addRestatement(toRestatement(spec, 0));
  const tokens = new TokenDesk(scenario.accounts, scenario.tokens.lifetimeSeconds, record);
  const reports = new ReportDesk(scenario, world, record);
  const documents = new DocumentStore(scenario, world);
  let expiredAnswers = 0;
  let revokedAnswers = 0;

  function identify(request: SimRequest): Identified {
    const { operation, id } = routeOf(request);
    const call = (account: string, application: string, detail: Record<string, unknown>): SimCall => ({
      operation,
      account,
      attributes: { account, application, ...aboutOf(operation, id, request, detail) },
      detail,
    });
    if (operation === 'unknown') {
      const detail = { method: request.method, path: request.url.pathname };
      return {
        call: call('unknown', 'unknown', detail),
        answer: notFound(`${request.method} is not served here.`),
      };
    }
    if (operation === 'token') {
      const form = formOf(request);
      const account = tokens.accountOf(form);
      return {
        call: call(account, form.get('client_id') ?? 'unknown', { grantType: form.get('grant_type') }),
      };
    }
    if (operation === 'downloadDocument') {
      const account = reports.ofDocument(id, request.at)?.account ?? 'unknown';
      return { call: call(account, 'unknown', { reportDocumentId: id }) };
    }
    const header = request.headers['x-amz-access-token'];
    const checked = tokens.check(typeof header === 'string' ? header : undefined, request.at);
    if (checked.status === 'unknown') return { call: call('unknown', 'unknown', {}), answer: tokenUnknown() };
    const { account, application } = checked.principal;
    if (checked.status === 'revoked') {
      return { call: call(account, application, {}), answer: tokenRevoked(revokedAnswers++) };
    }
    const known = call(account, application, detailOf(operation, id, request));
    return checked.status === 'expired'
      ? { call: known, answer: tokenExpired(expiredAnswers++ % 2 === 1) }
      : { call: known };
  }

  /** Which report type and marketplace a call is about, as far as it says so or addresses a report that does. */
  function aboutOf(
    operation: Route['operation'],
    id: string,
    request: SimRequest,
    detail: Record<string, unknown>,
  ): Record<string, string> {
    const report =
      operation === 'getReport' || operation === 'cancelReport'
        ? reports.find(id)
        : operation === 'getReportDocument' || operation === 'downloadDocument'
          ? reports.ofDocument(id, request.at)
          : undefined;
    const reportType = report?.reportType ?? detail.reportType ?? detail.reportTypes;
    const [marketplaceId] = [report?.marketplaceIds ?? detail.marketplaceIds ?? []].flat();
    return {
      ...(typeof reportType === 'string' ? { reportType } : {}),
      ...(typeof marketplaceId === 'string' ? { marketplaceId } : {}),
    };
  }

  function handle(request: SimRequest, call: SimCall): SimAnswer {
    const { operation, id } = routeOf(request);
    const now = request.at;
    const report =
      operation === 'getReport' || operation === 'cancelReport'
        ? reports.get(call.account, id, now)
        : undefined;
    switch (operation) {
      case 'token':
        return tokens.grant(request.headers['content-type'], formOf(request), now);
      case 'createReport':
        return createReport(request, call);
      case 'getReports':
        try {
          return json(200, listReports(reports, call.account, request.url.searchParams, now));
        } catch (error) {
          if (error instanceof RangeError) return invalidInput(error.message);
          throw error;
        }
      case 'getReport':
        if (!report) return notFound(`There is no report ${id}.`);
        return {
          ...json(200, reports.view(report, now)),
          detail: { processingStatus: reports.status(report, now) },
        };
      case 'cancelReport':
        if (!report) return notFound(`There is no report ${id}.`);
        return reports.cancel(report, now)
          ? json(200, {})
          : invalidInput('Only a report whose processingStatus is IN_QUEUE can be cancelled.');
      case 'getReportDocument': {
        const described = reports.ofDocument(id, now);
        if (described?.account !== call.account) return notFound(`There is no report document ${id}.`);
        return json(200, documents.describe(described, request.url.origin, now));
      }
      case 'downloadDocument': {
        const downloaded = reports.ofDocument(id, now);
        if (!downloaded) return notFound(`There is no document ${id}.`);
        return documents.download(downloaded, request.url.searchParams, now);
      }
      case 'unknown':
        return notFound('No such operation.');
    }
  }

  function createReport(request: SimRequest, call: SimCall): SimAnswer {
    const validated = validateCreateReport(
      request.headers['content-type'],
      request.body.toString('utf8'),
      request.at,
    );
    if (!validated.ok) return validated.answer;
    const refusal = reports.refusal(call.account, validated.request, validated.rules);
    if (refusal !== null) return invalidInput(refusal);
    const report = reports.create(call.account, validated.request, validated.rules, request.at);
    return {
      ...json(202, { reportId: reports.shownId(report) }),
      detail: {
        reportId: report.id,
        ...(report.duplicateOf === null ? {} : { duplicateOf: report.duplicateOf }),
      },
    };
  }

  return {
    id: 'amazon',
    limits: amazonLimits(scenario),
    identify,
    handle,
    refuse: quotaExceeded,
    decorate: (request, call, answer, limits) => headersOf(request, call, answer, limits),
    controlShape: amazonControlShape,
    control: (command, now) => applyAmazonControl(command, { world, reports, documents, tokens }, now),
    pages: amazonPages(world, reports, clock),
    stats: () => {
      const all = reports.newestFirst();
      const byStatus: Record<string, number> = {};
      for (const report of all) {
        const status = reports.status(report, clock());
        byStatus[status] = (byStatus[status] ?? 0) + 1;
      }
      return {
        reports: {
          created: all.length,
          byStatus,
          duplicates: all.filter((r) => r.duplicateOf !== null).length,
        },
        documents: { downloads: documents.downloads, expiredLinks: documents.expired },
        tokens: { issued: tokens.issued, refused: tokens.refused },
        outcomes: reports.outcomes.list(),
      };
    },
    replay: (entry) => {
      if (!tokens.replay(entry) && !reports.replay(entry)) {
        throw new Error(
          `the state file holds an entry that is not Amazon's: ${JSON.stringify(entry).slice(0, 200)}`,
        );
      }
    },
  };
}

function routeOf(request: SimRequest): Route {
  const { method, url } = request;
  const path = url.pathname;
  if (path === '/auth/o2/token' && method === 'POST') return { operation: 'token', id: '' };
  if (path.startsWith(STORE_PATH) && method === 'GET') {
    return { operation: 'downloadDocument', id: decode(path.slice(STORE_PATH.length)) };
  }
  if (path === `${API}/reports` && method === 'POST') return { operation: 'createReport', id: '' };
  if (path === `${API}/reports` && method === 'GET') return { operation: 'getReports', id: '' };
  const match = /^\/reports\/2021-06-30\/(reports|documents)\/([^/]+)$/.exec(path);
  const id = decode(match?.[2] ?? '');
  if (match?.[1] === 'reports' && method === 'GET') return { operation: 'getReport', id };
  if (match?.[1] === 'reports' && method === 'DELETE') return { operation: 'cancelReport', id };
  if (match?.[1] === 'documents' && method === 'GET') return { operation: 'getReportDocument', id };
  return { operation: 'unknown', id: '' };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function formOf(request: SimRequest): URLSearchParams {
  return new URLSearchParams(request.body.toString('utf8'));
}

/** What the log shows of a call: the request itself, as far as it can be read. */
function detailOf(operation: Route['operation'], id: string, request: SimRequest): Record<string, unknown> {
  if (operation === 'getReports') return Object.fromEntries(request.url.searchParams);
  if (operation !== 'createReport') return { id };
  try {
    const body: unknown = JSON.parse(request.body.toString('utf8'));
    return typeof body === 'object' && body !== null ? { ...body } : { body };
  } catch {
    return { body: 'not JSON' };
  }
}

function headersOf(
  request: SimRequest,
  call: SimCall,
  answer: SimAnswer,
  limits: LimitBook,
): Record<string, string> {
  const headers: Record<string, string> = { 'x-amzn-requestid': request.requestId };
  const limit = limits.limit(call.operation);
  const { status } = answer;
  // Amazon's usage plan page: the header is on 20x, 400 and 404, and not to be expected on others.
  if (
    limit?.window.kind === 'token-bucket' &&
    ((status >= 200 && status < 300) || status === 400 || status === 404)
  ) {
    headers['x-amzn-ratelimit-limit'] = String(limit.announcedRatePerSecond ?? limit.window.ratePerSecond);
  }
  return headers;
}
