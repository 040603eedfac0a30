import { AMAZON_OPERATIONS } from '../../../../vendors/amazon/limits';
import { amazonRules } from '../../../../vendors/amazon/rules';
import type { CallResult } from '../../../../vendors/contract';
import { processorMs } from '../../../support/processes/processor-time';
import fc from '../../../support/run/properties';
import {
  call,
  classify,
  classifyRenewed,
  errors,
  QUOTA,
  response,
} from '../../../support/vendors/amazon-answers';

const EXPIRED = 'The access token you provided has expired.';
const DENIED = errors('Unauthorized', 'Access to requested resource is denied.');
const s3 = (code: string, message = '') =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>S3ID</RequestId></Error>`;
const reportsOperations = [
  'getReports',
  'createReport',
  'getReport',
  'cancelReport',
  'getReportDocument',
] as const;

/** kind, and reason or ambiguity where the kind has one. */
function outcome(operation: string, result: CallResult, judge = classify): string {
  const v = judge(operation, result);
  if (v.kind === 'blocked') return `blocked ${v.reason}`;
  if (v.kind === 'auth') return `auth ${v.reason}`;
  if (v.kind === 'server') return v.ambiguous ? 'server ambiguous' : 'server';
  return v.kind;
}

describe('Reports API', () => {
  describe.each(reportsOperations)('%s', (operation) => {
    const server = operation === 'createReport' ? 'server ambiguous' : 'server';
    const unanswered = operation === 'cancelReport' ? 'ok' : server;
    const missing = operation === 'createReport' || operation === 'getReports' ? 'invalid' : 'gone';
    const empty = missing === 'gone' ? 'gone' : 'blocked configuration';
    test.each<[string, CallResult, string]>([
      ['200', response(200, { reportId: '1' }), 'ok'],
      ['202', response(202, { reportId: '1' }), 'ok'],
      ['200 with a message beside the data', response(200, { reportId: '1', message: 'x' }), 'ok'],
      ['200 with no body', response(200), unanswered],
      ['200 with a page', response(200, '<html>Please sign in</html>'), unanswered],
      ['202 with text', response(202, 'accepted'), unanswered],
      ['200 with a list', response(200, '[]'), unanswered],
      ['200 of another API', response(200, { status: 'ok' }), unanswered],
      ['200 that broke off', response(200, '{"reportId": "1'), unanswered],
      ['429 QuotaExceeded', response(429, QUOTA), 'quota'],
      ['403 QuotaExceeded', response(403, QUOTA), 'quota'],
      ['200 QuotaExceeded', response(200, QUOTA), 'quota'],
      ['400 QUOTA_EXCEEDED', response(400, errors('QUOTA_EXCEEDED', 'x')), 'quota'],
      ['400 throttled', response(400, errors('RequestThrottled', 'Request is throttled')), 'quota'],
      ['400 in other case', response(400, { Errors: [{ Code: 'QuotaExceeded', Message: 'x' }] }), 'quota'],
      ['400 in a list', response(400, [{ errors: [{ code: 'QuotaExceeded' }] }]), 'quota'],
      ['400 as an object', response(400, { errors: { code: 'QuotaExceeded' } }), 'quota'],
      ['400 as an error', response(400, { error: { code: 'QuotaExceeded' } }), 'quota'],
      ['503 QuotaExceeded', response(503, QUOTA), 'quota'],
      ['400 RequestLimitExceeded', response(400, errors('RequestLimitExceeded')), 'quota'],
      ['503 in a sentence', response(503, { message: 'Rate exceeded' }), 'quota'],
      ['400 of AWS', response(400, { __type: 'com.amazon.coral#ThrottlingException' }), 'quota'],
      ['400 under another code', response(400, errors('ClientError', 'Too many requests')), 'quota'],
      ['400 of a field', response(400, errors('InvalidInput', 'The span exceeded its quota')), 'invalid'],
      ['200 with words beside the data', response(200, { reportId: '1', message: 'Rate exceeded' }), 'ok'],
      ['400 InternalFailure', response(400, errors('InternalFailure')), server],
      ['400 RequestTimeout', response(400, errors('RequestTimeout')), server],
      ['200 ServiceUnavailable', response(200, errors('ServiceUnavailableException')), server],
      ['302 InternalFailure', response(302, errors('InternalFailure')), 'blocked configuration'],
      ['429 InternalFailure', response(429, errors('InternalFailure')), 'quota'],
      ['404 InternalFailure', response(404, errors('InternalFailure')), missing],
      [
        '400 QuotaExceeded second',
        response(400, { errors: [{ code: 'X' }, { code: 'QuotaExceeded' }] }),
        'quota',
      ],
      ['429 under another code', response(429, errors('TooManyRequests', 'slow')), 'quota'],
      ['429 from a gateway', response(429, { message: 'Too Many Requests' }), 'quota'],
      ['429 without a body', response(429), 'quota'],
      ['429 with HTML', response(429, '<html>busy</html>'), 'quota'],
      ['403 expired in message', response(403, errors('Unauthorized', EXPIRED)), 'auth expired'],
      [
        '403 expired in details',
        response(403, errors('Unauthorized', 'Access denied', EXPIRED)),
        'auth expired',
      ],
      ['400 expired', response(400, errors('Unauthorized', EXPIRED)), 'auth expired'],
      ['401', response(401, errors('Unauthorized', 'no token')), 'auth expired'],
      ['401 without a body', response(401), 'auth expired'],
      ['403 denied', response(403, DENIED), 'auth expired'],
      ['403 without a body', response(403), 'server'],
      ['403 in HTML', response(403, '<html><h1>Access token blocked by policy</h1></html>'), 'server'],
      ['403 in JSON of somebody else', response(403, { blocked: true }), 'server'],
      ['403 from the gateway', response(403, { message: 'Forbidden' }), 'auth expired'],
      [
        '400 about a token',
        response(400, errors('InvalidInput', 'The access token is malformed.')),
        'auth expired',
      ],
      ['400 InvalidToken', response(400, errors('InvalidToken')), 'auth expired'],
      ['200 denied', response(200, DENIED), 'auth expired'],
      ['400', response(400, errors('InvalidInput', 'Report type is invalid')), 'invalid'],
      ['200 InvalidInput', response(200, errors('InvalidInput')), 'invalid'],
      ['404', response(404, errors('NotFound', 'no such report')), missing],
      ['410', response(410), empty],
      ['410 in HTML', response(410, '<html>no such site</html>'), 'blocked configuration'],
      ['410 in words', response(410, errors('Gone')), missing === 'gone' ? 'gone' : 'blocked configuration'],
      ['404 of nobody', response(404), empty],
      ['404 in HTML', response(404, '<html>no such site</html>'), 'blocked configuration'],
      ['409', response(409), 'blocked configuration'],
      ['409 in words', response(409, errors('Conflict')), 'blocked configuration'],
      ['418', response(418), 'blocked configuration'],
      ['451', response(451, 'unavailable'), 'blocked configuration'],
      ['413', response(413, errors('RequestTooLarge')), 'invalid'],
      ['415', response(415, errors('UnsupportedMediaType')), 'invalid'],
      ['302', response(302), 'blocked configuration'],
      ['304', response(304), 'blocked configuration'],
      ['408', response(408), server],
      ['500', response(500, errors('InternalFailure', 'oops')), server],
      ['200 InternalFailure', response(200, errors('InternalFailure')), server],
      ['502', response(502, '<html><h1>Bad Gateway</h1></html>'), server],
      ['503', response(503, errors('ServiceUnavailable')), server],
      ['504', response(504), server],
      ['no status at all', response(0), server],
      ['999', response(999), server],
      ['400 with a cut body', response(400, '{"errors":[{"code":"Quo'), 'blocked configuration'],
      ['400 with an empty list', response(400, { errors: [] }), 'blocked configuration'],
      ['400 with a list of nonsense', response(400, '{"errors":[null,1,"x",[]]}'), 'blocked configuration'],
      ['400 with an array', response(400, '[1]'), 'blocked configuration'],
    ])('%s', (_, result, expected) => {
      expect(outcome(operation, result)).toBe(expected);
    });

    test.each<[string, CallResult, string]>([
      ['403 expired', response(403, errors('Unauthorized', EXPIRED)), 'auth refused'],
      ['403 denied', response(403, DENIED), 'auth refused'],
      ['403 under a code that nobody knows', response(403, errors('RoleMissing', 'x')), 'auth refused'],
      ['401', response(401, errors('Unauthorized')), 'auth refused'],
      ['401 without a body', response(401), 'server'],
      ['403 in HTML', response(403, '<html>no</html>'), 'server'],
      ['403 from the gateway', response(403, { message: 'Forbidden' }), 'server'],
      [
        '400 about a next token',
        response(400, errors('InvalidInput', 'The next token is invalid.')),
        'invalid',
      ],
      ['400 InvalidToken', response(400, errors('InvalidToken')), 'auth refused'],
    ])('%s, with a token that is new', (_, result, expected) => {
      expect(outcome(operation, result, classifyRenewed)).toBe(expected);
    });

    test.each([
      [true, server],
      [false, 'server'],
    ])('no answer, and the request may have been sent: %p', (mayHaveBeenSent, expected) => {
      const lost: CallResult = {
        kind: 'transport',
        error: { code: 'UND_ERR_HEADERS_TIMEOUT', message: 'Headers Timeout Error', mayHaveBeenSent },
      };
      expect(outcome(operation, lost)).toBe(expected);
    });
  });
});

test('a page in place of what createReport answers leaves open whether a report was made', () => {
  expect(classify('createReport', response(200, '<p>Sign in</p>'))).toMatchObject({
    ambiguous: true,
    evidence: { message: 'no answer of the API: Sign in' },
  });
});

describe('login', () => {
  const lwa = (error: string) => ({ error, error_description: 'because', request_id: 'r-1' });
  test.each<[string, CallResult, string]>([
    ['200', response(200, { access_token: 'Atza|x' }), 'ok'],
    ['400 invalid_grant', response(400, lwa('invalid_grant')), 'auth refused'],
    ['400 INVALID_GRANT', response(400, lwa('INVALID_GRANT')), 'auth refused'],
    ['401 invalid_client', response(401, lwa('invalid_client')), 'auth refused'],
    ['400 unauthorized_client', response(400, lwa('unauthorized_client')), 'auth refused'],
    ['400 access_denied', response(400, lwa('access_denied')), 'auth refused'],
    ['200 invalid_grant', response(200, lwa('invalid_grant')), 'auth refused'],
    ['401', response(401), 'auth refused'],
    ['403', response(403), 'auth refused'],
    ['400 invalid_request', response(400, lwa('invalid_request')), 'blocked configuration'],
    ['400 unsupported_grant_type', response(400, lwa('unsupported_grant_type')), 'blocked configuration'],
    ['200 with another error', response(200, lwa('invalid_scope')), 'blocked configuration'],
    ['404', response(404), 'blocked configuration'],
    ['302', response(302), 'blocked configuration'],
    ['403 in HTML', response(403, '<html>no</html>'), 'server'],
    ['429', response(429), 'rate'],
    ['400 slow_down', response(400, lwa('slow_down')), 'rate'],
    ['400 throttled', response(400, lwa('throttled')), 'rate'],
    ['400 InvalidClient', response(400, lwa('InvalidClient')), 'auth refused'],
    ['400 service_unavailable', response(400, lwa('service_unavailable')), 'server'],
    ['500', response(500), 'server'],
    ['400 server_error', response(400, lwa('server_error')), 'server'],
    ['400 temporarily_unavailable', response(400, lwa('temporarily_unavailable')), 'server'],
    ['400 with an error that is no text', response(400, { error: { code: 5 } }), 'blocked configuration'],
  ])('%s', (_, result, expected) => {
    expect(outcome('login', result)).toBe(expected);
  });
  test('the cause and the request id of the body are evidence', () => {
    expect(classify('login', response(400, lwa('invalid_grant'))).evidence).toEqual({
      vendor: 'amazon',
      account: 'main',
      operation: 'login',
      httpStatus: 400,
      code: 'invalid_grant',
      message: 'because',
      requestId: 'r-1',
    });
  });
});

describe('document download', () => {
  test.each<[string, CallResult, string]>([
    ['200', response(200, { reportData: [] }), 'ok'],
    ['200 with words like an error in the data', response(200, QUOTA), 'ok'],
    ['403 expired URL', response(403, s3('AccessDenied', 'Request has expired')), 'gone'],
    ['403 bad signature', response(403, s3('SignatureDoesNotMatch')), 'gone'],
    ['403 without a body', response(403), 'gone'],
    ['401', response(401), 'gone'],
    [
      '400 expired session of the signer',
      response(400, s3('ExpiredToken', 'The provided token has expired.')),
      'gone',
    ],
    ['404', response(404, s3('NoSuchKey')), 'gone'],
    ['410', response(410), 'gone'],
    ['429 QuotaExceeded', response(429, QUOTA), 'quota'],
    ['429 QuotaExceeded in XML', response(429, s3('QuotaExceeded')), 'quota'],
    ['429', response(429), 'quota'],
    ['400', response(400, s3('InvalidArgument')), 'invalid'],
    ['400 slow reader', response(400, s3('RequestTimeout')), 'server'],
    ['503 SlowDown', response(503, s3('SlowDown')), 'server'],
    ['500', response(500, s3('InternalError')), 'server'],
    ['500 with a torn body', response(500, '<Error><Code>Inter'), 'server'],
  ])('%s', (_, result, expected) => {
    expect(outcome('downloadDocument', result)).toBe(expected);
  });
});

describe('any answer', () => {
  const kinds = ['ok', 'rate', 'quota', 'server', 'auth', 'billing', 'blocked', 'gone', 'pending', 'invalid'];
  const body = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.anything().map((x) => `{"errors":${JSON.stringify(x) ?? 'null'}}`),
    fc
      .record({ code: fc.anything(), message: fc.anything() })
      .map((e) => JSON.stringify({ errors: [e] }) ?? ''),
    fc.string().map((x) => `<Error><Code>${x}</Code>`),
  );
  // BigInts cannot be serialised.
  const safe = (make: () => string) => {
    try {
      return make();
    } catch {
      return '';
    }
  };
  test('becomes a verdict with storable evidence', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...AMAZON_OPERATIONS, 'unheardOf'),
        fc.integer({ min: -1, max: 700 }),
        fc.dictionary(
          fc.constantFrom('retry-after', 'retry-after-ms', 'x-amzn-requestid', 'x'),
          fc.string({ unit: 'binary' }),
        ),
        body,
        (operation, status, headers, text) => {
          const v = classify(
            operation,
            response(
              status,
              safe(() => text),
              headers,
            ),
          );
          expect(kinds).toContain(v.kind);
          if ('statedWaitMs' in v && v.statedWaitMs !== null)
            expect(v.statedWaitMs).toBeGreaterThanOrEqual(1);
          expect((v.evidence.message ?? '').length).toBeLessThanOrEqual(500);
          expect(JSON.stringify(v.evidence)).not.toMatch(/\\u0000|\\ud[89a-f]/i);
          expect(amazonRules.learn(call(operation), { status, headers, body: text })).toEqual([]);
        },
      ),
      { numRuns: 2000 },
    );
  });
  test('of 1 MB takes no time', () => {
    for (const seed of ['http://a', '<', '<Error><Code>', '{"errors":[', 'Atza|', 'token ', 'bearer ']) {
      const text = seed.repeat(2 ** 20 / seed.length);
      const ms = processorMs(() => {
        for (const operation of AMAZON_OPERATIONS) classify(operation, response(403, text));
        classify('createReport', response(403, errors('Unauthorized', text, text)));
      });
      expect(ms).toBeLessThan(2000);
    }
  });
});
