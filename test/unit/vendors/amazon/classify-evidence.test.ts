/** The waits that Amazon's answers state, and the evidence that a verdict keeps of them. */
import { CLOSED_POOL, transition } from '../../../../quota/pools/pool';
import { AMAZON_OPERATIONS } from '../../../../vendors/amazon/limits';
import { amazonRules } from '../../../../vendors/amazon/rules';
import { scrub } from '../../../../vendors/amazon/scrub';
import type { CallResult } from '../../../../vendors/contract';
import { classify, errors, NOW, QUOTA, response } from '../../../support/vendors/amazon-answers';

const s3 = (code: string, message = '') =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>S3ID</RequestId></Error>`;

describe('stated waits', () => {
  const wait = (operation: string, result: CallResult) => {
    const v = classify(operation, result);
    return 'statedWaitMs' in v ? [v.kind, v.statedWaitMs] : [v.kind];
  };
  test('are unknown for a plain QuotaExceeded', () => {
    expect(wait('createReport', response(429, QUOTA))).toEqual(['quota', null]);
  });
  test('are taken from a header, though none is documented', () => {
    expect(wait('createReport', response(429, QUOTA, { 'retry-after': '120' }))).toEqual(['quota', 120_000]);
    expect(wait('getReport', response(503, '', { 'retry-after': '3' }))).toEqual(['server', 3_000]);
    expect(wait('login', response(429, '', { 'retry-after': 'Mon, 23 Nov 2026 12:01:00 GMT' }))).toEqual([
      'rate',
      60_000,
    ]);
  });
  test('are taken from the text', () => {
    const body = errors('QuotaExceeded', 'Quota exceeded.', 'Try again in 1 hour 5 minutes.');
    expect(wait('getReports', response(429, body))).toEqual(['quota', 65 * 60_000]);
  });
  test('that are absurd reach the pool, which holds the account', () => {
    const ten = String(10 * 365 * 86_400);
    for (const operation of ['createReport', 'login', 'downloadDocument']) {
      const v = classify(operation, response(429, '', { 'retry-after': ten }));
      expect([v.kind, 'statedWaitMs' in v && v.statedWaitMs]).toEqual(['quota', 10 * 365 * 86_400_000]);
      if (v.kind !== 'quota') continue;
      const event = {
        type: 'quota',
        epoch: 1,
        statedWaitMs: v.statedWaitMs,
        reason: 'r',
        evidence: v.evidence,
        jitter: 0,
      } as const;
      expect(transition(CLOSED_POOL, event, amazonRules.pool, NOW)).toMatchObject({
        state: 'held',
        until: null,
      });
    }
    expect(wait('getReport', response(503, '', { 'retry-after': ten }))).toEqual(['server', null]);
  });
});

describe('evidence', () => {
  test('names code, message, details and the request id', () => {
    const result = response(400, errors('InvalidInput', 'Bad.', 'marketplaceIds'), {
      'x-amzn-requestid': 'abc-1',
    });
    expect(classify('createReport', result).evidence).toEqual({
      vendor: 'amazon',
      account: 'main',
      operation: 'createReport',
      httpStatus: 400,
      code: 'InvalidInput',
      message: 'Bad. (marketplaceIds)',
      requestId: 'abc-1',
    });
  });
  test('reads the request id in any spelling, S3’s too, on success as well', () => {
    expect(
      classify('getReport', response(200, '{}', { 'x-amzn-RequestId': 'id-1' })).evidence.requestId,
    ).toBe('id-1');
    expect(
      classify('downloadDocument', response(200, '', { 'x-amz-request-id': 'id-2' })).evidence.requestId,
    ).toBe('id-2');
    expect(classify('downloadDocument', response(403, s3('AccessDenied'))).evidence.requestId).toBe('S3ID');
  });
  test('holds the words of a gateway’s page, without its markup', () => {
    const v = classify('getReport', response(502, '<html><body><h1>502 Bad\nGateway</h1></body></html>'));
    expect(v.evidence.message).toBe('502 Bad Gateway');
  });
  test('of no answer names the network’s code', () => {
    const lost: CallResult = {
      kind: 'transport',
      error: { code: 'ECONNRESET', message: 'socket hang up', mayHaveBeenSent: true },
    };
    expect(classify('getReport', lost).evidence).toEqual({
      vendor: 'amazon',
      account: 'main',
      operation: 'getReport',
      code: 'ECONNRESET',
      message: 'socket hang up',
    });
  });

  // Put together here, so that no scanner takes them for real ones.
  const secret = 'S3cr3tS3cr3tS3cr3t';
  const secrets = [
    `Atza|${secret}`,
    `Atzr|${secret}`,
    `Atzr%7C${secret}`,
    `amzn1.oa2-cs.v1.${secret}`,
    `https://tortuga.s3.amazonaws.com/doc?X-Amz-Algorithm=AWS4&X-Amz-Signature=${secret}&X-Amz-Expires=300`,
    `X-Amz-Security-Token=${secret}`,
    `ASIA${secret.toUpperCase()}`,
    `Bearer ${secret}`,
    `{"refresh_token":"${secret}"}`,
    `client_secret=${secret}`,
    `x-amz-access-token: ${secret}`,
  ];
  test.each(secrets)('never holds %s', (text) => {
    for (const operation of AMAZON_OPERATIONS) {
      for (const result of [
        response(403, errors(text, `before ${text} after`, text), { 'x-amzn-requestid': text }),
        response(403, { error: text, error_description: `quoted '${text}'` }),
        response(403, s3(text, text)),
        response(500, `<p>${text}</p>`),
        response(500, text),
        response(500, `${'x'.repeat(470)} ${text}`),
        {
          kind: 'transport',
          error: { code: text, message: `connect ${text}`, mayHaveBeenSent: true },
        } as const,
      ]) {
        expect(JSON.stringify(classify(operation, result)).toUpperCase()).not.toContain('S3CR3T');
      }
    }
  });
  test('keeps what distinguishes one document from another', () => {
    expect(scrub('GET https://host/doc/1?X-Amz-Signature=abc failed')).toBe(
      'GET https://host/doc/1?[redacted] failed',
    );
    expect(scrub('plain words stay')).toBe('plain words stay');
  });
});
