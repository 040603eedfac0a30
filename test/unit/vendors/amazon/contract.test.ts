import {
  classifyFatal,
  parseCreateReport,
  parseLwaToken,
  parseReport,
  parseReportDocument,
  parseReportsPage,
  readFatalText,
} from '../../../../vendors/amazon/contract';
import fc from '../../../support/run/properties';

const AT = Date.UTC(2026, 10, 23, 12, 0, 0);
const report = {
  reportId: '50004018724',
  reportType: 'GET_VENDOR_REAL_TIME_SALES_REPORT',
  createdTime: '2026-11-23T12:00:00+00:00',
  processingStatus: 'DONE',
};
const json = JSON.stringify;

describe('createReport', () => {
  test('gives the report id and ignores what else comes', () => {
    expect(parseCreateReport('{"reportId":"50004018724","new":1}')).toEqual({
      ok: true,
      value: { reportId: '50004018724' },
    });
  });
  test('takes an id that comes as a number by its digits', () => {
    expect(parseCreateReport('{"reportId":50004018724}')).toEqual({
      ok: true,
      value: { reportId: '50004018724' },
    });
  });
  test.each([
    ['{}', 'createReport: reportId: must be a text of 1 to 2048 characters'],
    ['{"reportId":{"id":1}}', 'createReport: reportId: must be a text of 1 to 2048 characters'],
    ['{"reportId":50004018724.5}', /^createReport: reportId: /],
    ['{"reportId":90071992547409930}', /^createReport: reportId: /],
    ['{"reportId":""}', /^createReport: reportId: /],
    ['null', /^createReport: the body: /],
    ['', 'createReport: the body is not JSON (0 characters)'],
    ['<html>', 'createReport: the body is not JSON (6 characters)'],
  ])('refuses %j', (body, problem) => {
    const parsed = parseCreateReport(body);
    expect(parsed).toEqual({
      ok: false,
      problem: typeof problem === 'string' ? problem : expect.stringMatching(problem),
    });
  });
});

describe('getReport', () => {
  test('reads the required fields alone', () => {
    expect(parseReport(json(report))).toEqual({ ok: true, value: { ...report, createdTime: AT } });
  });
  test('reads all fields, with timestamps as Z or with an offset', () => {
    const body = {
      ...report,
      marketplaceIds: ['A1PA6795UKMFR9'],
      dataStartTime: '2026-11-23T12:00:00Z',
      dataEndTime: '2026-11-23T13:00:00+01:00',
      reportDocumentId: 'amzn1.spdoc.1.4.eu.x',
      reportScheduleId: null,
    };
    const parsed = parseReport(json(body));
    expect(parsed.ok && parsed.value).toMatchObject({
      dataStartTime: AT,
      dataEndTime: AT,
      reportDocumentId: 'amzn1.spdoc.1.4.eu.x',
    });
  });
  test.each(['IN_QUEUE', 'IN_PROGRESS', 'DONE', 'CANCELLED', 'FATAL'])(
    'knows the status %s',
    (processingStatus) => {
      expect(parseReport(json({ ...report, processingStatus })).ok).toBe(true);
    },
  );
  test.each([
    ['processingStatus', 7, ''],
    ['processingStatus', null, ''],
    ['processingStatus', ' Done ', 'Done'],
    ['createdTime', '2026-11-23T12:00:00', 0],
    ['dataEndTime', '2026-02-30T00:00:00Z', undefined],
    ['reportDocumentId', {}, undefined],
    ['marketplaceIds', 'ATVPDKIKX0DER', undefined],
  ] as const)('an unreadable %s (%j) is not said', (field, value, read) => {
    const parsed = parseReport(json({ ...report, [field]: value }));
    if (!parsed.ok) throw new Error(parsed.problem);
    expect(parsed.value[field]).toEqual(read);
  });
  test('refuses a report without an id', () => {
    const problem = 'getReport: reportId: must be a text of 1 to 2048 characters';
    expect(parseReport(json({ ...report, reportId: null }))).toEqual({ ok: false, problem });
  });
});

describe('getReports', () => {
  test('reads a page with and without a next one', () => {
    const page = parseReportsPage(json({ reports: [report, report], nextToken: 'n' }));
    expect(page.ok && [page.value.reports.length, page.value.nextToken]).toEqual([2, 'n']);
    const last = parseReportsPage(json({ reports: [], nextToken: null }));
    expect(last.ok && [last.value.reports.length, last.value.nextToken]).toEqual([0, undefined]);
    const none = parseReportsPage(json({ reports: null }));
    expect(none.ok && none.value.reports).toEqual([]);
    expect(parseReportsPage(json({})).ok).toBe(false);
  });
  test('a report that cannot be read spoils none of the others', () => {
    const parsed = parseReportsPage(
      json({
        reports: [
          null,
          { ...report, reportId: '' },
          { ...report, createdTime: 'soon', dataEndTime: '' },
          report,
        ],
      }),
    );
    if (!parsed.ok) throw new Error(parsed.problem);
    expect(parsed.value.reports.map(({ reportId }) => reportId)).toEqual([report.reportId, report.reportId]);
    expect(parsed.value.reports[0]?.dataEndTime).toBeUndefined();
  });
});

describe('getReportDocument', () => {
  const document = { reportDocumentId: 'd', url: 'https://host/path?X-Amz-Signature=abc' };
  test('reads plain and compressed documents', () => {
    expect(parseReportDocument(json(document))).toEqual({ ok: true, value: document });
    const zipped = { ...document, compressionAlgorithm: 'GZIP' };
    expect(parseReportDocument(json(zipped))).toEqual({ ok: true, value: zipped });
    expect(parseReportDocument(json({ ...document, url: 'http://127.0.0.1:8080/d' })).ok).toBe(true);
  });
  test.each([
    [{ ...document, url: 'ftp://host/d' }, 'getReportDocument: url: must be an http or https URL'],
    [{ ...document, url: 'nowhere' }, 'getReportDocument: url: must be an http or https URL'],
  ])('refuses %j', (body, problem) => {
    expect(parseReportDocument(json(body))).toEqual({ ok: false, problem });
  });
});

describe('login', () => {
  const token = { access_token: 'Atza|x', token_type: 'bearer', expires_in: 3600, refresh_token: 'Atzr|y' };
  test('reads a token', () => {
    expect(parseLwaToken(json(token))).toEqual({
      ok: true,
      value: { accessToken: 'Atza|x', expiresInMs: 3_600_000, refreshToken: 'Atzr|y' },
    });
    expect(parseLwaToken(json({ ...token, token_type: 'Bearer', refresh_token: undefined })).ok).toBe(true);
    for (const expires_in of ['3600', undefined, null]) {
      const parsed = parseLwaToken(json({ ...token, token_type: undefined, expires_in }));
      expect(parsed.ok && parsed.value.expiresInMs).toBe(3_600_000);
    }
  });
  test.each([
    [{ ...token, expires_in: 0 }],
    [{ ...token, expires_in: 1e12 }],
    [{ ...token, expires_in: 'soon' }],
    [{ ...token, access_token: null }],
    [{ ...token, token_type: 'mac' }],
    [{ ...token, access_token: '' }],
  ])('refuses %j', (body) => {
    expect(parseLwaToken(json(body)).ok).toBe(false);
  });
  test('a problem never quotes the answer', () => {
    const hidden = 'S3cr3tS3cr3t';
    for (const body of [
      `Atza|${hidden}`,
      `{"access_token":"Atza|${hidden}`,
      json({ ...token, access_token: `Atza|${hidden}`, expires_in: hidden, token_type: hidden }),
      json({ access_token: [hidden] }),
    ]) {
      const parsed = parseLwaToken(body);
      expect(parsed.ok ? hidden : parsed.problem).not.toContain(hidden);
    }
  });
});

describe('FATAL', () => {
  test.each([
    ['The report data for the requested date range is not yet available. Please try again later.', 'not-yet'],
    ['dataStartTime and dataEndTime must be supplied', 'configuration'],
    ['This report type requires the currencyCode reportOption to be specified', 'configuration'],
    ['A client error occurred. Please check the request', 'unknown'],
    ['The requested data is unavailable. Please try a different date range', 'unknown'],
    ['', 'unknown'],
    ['Ein Fehler ist aufgetreten', 'unknown'],
  ])('%j is %s', (text, expected) => {
    expect(classifyFatal(text)).toBe(expected);
  });
  test.each([
    ['{"errorDetails":"late"}', 'late'],
    ['{"reportRequestError":"bad","x":1}', 'bad'],
    ['{"reportData":[]}', null],
    ['{"errorDetails":5}', null],
    ['gzip?', null],
  ])('the text in %s', (document, text) => {
    expect(readFatalText(document)).toBe(text);
  });
});

test('no body makes a parser throw', () => {
  const parsers = [parseCreateReport, parseReport, parseReportsPage, parseReportDocument, parseLwaToken];
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.json()),
      fc.constantFrom(...parsers),
      (body, parse) => {
        const parsed = parse(body);
        expect(parsed.ok || parsed.problem.length > 0).toBe(true);
        classifyFatal(body);
        readFatalText(body);
      },
    ),
  );
});
