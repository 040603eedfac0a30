import { ABSURD_WAIT_MS, parseLoneWait, parseWaitText } from '../../../quota/waits';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

describe('parseWaitText finds the wait that a text states', () => {
  const cases: readonly (readonly [string, number])[] = [
    // gateways: Azure API Management, as BMW and Volvo use it
    ['Out of call volume quota. Quota will be replenished in 00:13:18.', 13 * M + 18 * S],
    ['Out of call volume quota. Quota will be replenished in 02:26:00.', 2 * H + 26 * M],
    ['Quota will be replenished in 1.06:17:03.', D + 6 * H + 17 * M + 3 * S],
    [
      '{ "statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 00:13:18." }',
      798 * S,
    ],
    ['{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}', 57 * S],
    ['Rate limit is exceeded. Try again in 1 second.', S],
    ['Rate limit is exceeded. Try again in 5 minutes.', 5 * M],
    ['Retry after 48:00:00', 48 * H],
    ['Please wait 00:00:01.5 before the next call', 1500],
    ['quota resets in 0:05:00', 5 * M],
    ['Quota will be replenished in 00:00:00.', 1],
    // OpenAI
    [
      'Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2s. Visit https://platform.openai.com/account/rate-limits to learn more.',
      2 * S,
    ],
    ['on requests per min. Limit: 3 / min. Please try again in 20s.', 20 * S],
    ['Please try again in 6m0s.', 6 * M],
    ['Please try again in 7.66s.', 7660],
    ['Please try again in 120ms.', 120],
    ['Please try again in 20ms', 20],
    ['Please try again in 1h2m3s', H + 2 * M + 3 * S],
    ['Please try again in 8h38m24s. Visit', 8 * H + 38 * M + 24 * S],
    ['Please try again in 300µs', 1],
    ['Please try again in 1.5h', 90 * M],
    ['Please retry after 37 seconds.', 37 * S],
    ['Please retry after 1 day.', D],
    ['{"retryDelay": "34.074824224s"}', 34_075],
    ['Request was throttled. Expected available in 57 seconds.', 57 * S],
    // prose
    ['57 seconds', 57 * S],
    ['20ms', 20],
    ['1 hour 5 minutes', H + 5 * M],
    ['2 h 26 min', 2 * H + 26 * M],
    ['Try again in 1 hour 5 minutes', H + 5 * M],
    ['Try again in 1 hour and 5 minutes', H + 5 * M],
    ['blocked for 2 h 26 min', 2 * H + 26 * M],
    ['Try again in 2 days, 3 hours', 2 * D + 3 * H],
    ['Come back in 2 weeks & 1 day', 15 * D],
    ['Try again in an hour', H],
    ['Please wait a minute.', M],
    ['Try again in about one minute', M],
    ['wait: 30s', 30 * S],
    ['TRY AGAIN IN 5 MINUTES', 5 * M],
    ['Try again in 2H', 2 * H],
    ['In 30 seconds the gate opens', 30 * S],
    ['after 10 min', 10 * M],
    ['Quota exceeded. In about 30 seconds it is fine', 30 * S],
    ['a 30-second penalty: retry after 30-seconds', 30 * S],
    ['retry in 1,000 ms', S],
    ['retry in 1,5 s', 1500],
    ['retry in 1,234,567 ms', 1_234_567],
    ['cooldown 5 minutes', 5 * M],
    ['Throttled for 90 secs', 90 * S],
    ['Retry in 30\u00a0seconds', 30 * S],
    ['The request timed out, try again in 30 seconds', 30 * S],
    ['Retry failed, wait 30 seconds', 30 * S],
    ['You may make 5 requests per 60 seconds; try again in 12 seconds', 12 * S],
    ['Try again in 12 seconds (the limit is 100 calls per 10 minutes)', 12 * S],
    ['In 5 minutes, no: please wait 10 minutes', 10 * M],
    ['Retry in 0 seconds', 1],
    ['Retry in 0.0004 ms', 1],
    // ISO 8601
    ['PT5M', 5 * M],
    ['P1DT2H', D + 2 * H],
    ['retry in PT5M', 5 * M],
    ['wait PT0.5S', 500],
    ['wait P1W', 7 * D],
    ['blocked until 2026-11-24T00:00:00Z', 12 * H],
    ['Quota resets at 2026-11-23T13:00:00+01:00.', 1],
    ['Please retry after 2026-11-23T12:00:01.250Z', 1250],
    ['suspended until 2026-11-23 12:30:00 UTC', 30 * M],
    ['paused until 2020-01-01T00:00:00Z', 1],
    // times of day: the next such instant
    ['Quota exceeded, blocked until 13:15 UTC', 75 * M],
    ['Try again after 13:18:00 UTC', 78 * M],
    ['try again at 8:15 pm (CET)', 7 * H + 15 * M],
    ['try again at 14:15 Europe/Berlin', 75 * M],
    ['paused until 14:15 GMT+1', 75 * M],
    ['available again at 14:15:30+01:00', 75 * M + 30 * S],
    ['blocked until 11:00 UTC', 23 * H],
    ['quota resets at midnight UTC', 12 * H],
    ['quota resets tomorrow at 13:15 UTC', 25 * H + 15 * M],
    ['blocked until 11:59:40 UTC', 40 * S], // just over
    // no spaces, other digits
    ['2時間26分後に再試行してください。', 2 * H + 26 * M],
    ['13分18秒後にリセットされます', 13 * M + 18 * S],
    ['将在2小时26分钟后恢复', 2 * H + 26 * M],
    ['請在 2 小時 26 分鐘後重試', 2 * H + 26 * M],
    ['请等待３０秒', 30 * S],
    ['2시간 26분 후에 다시 시도하세요', 2 * H + 26 * M],
    // fields that carry their unit
    ['{"retryAfterSeconds": 30}', 30 * S],
    ['{"error":{"retry_after_ms":1500}}', 1500],
    ['retry_after_seconds=2.5', 2500],
    ['{"waitMinutes":"5"}', 5 * M],
  ];
  test.each(cases)('%s', (text, ms) => {
    expect(parseWaitText(text, NOW)).toEqual({ ms, source: 'text', absurd: ms > ABSURD_WAIT_MS });
  });
});

test.each<[string, number | null]>([
  ['Das Kontingent wird in 00:13:18 aufgefüllt.', 798_000],
  ['Réessayez dans 2 heures 26 minutes', 8_760_000],
  ['tra 13 minuti', 780_000],
  ['dentro de 30 segundos', 30_000],
  ['over 2 uur', 7_200_000],
  ['in 2 Stunden und 26 Minuten', 8_760_000],
  ['dans 2 heures et 26 minutes', 8_760_000],
  ['en 2 horas y 26 minutos', 8_760_000],
  ['tra 2 ore e 26 minuti', 8_760_000],
  ['over 2 uur en 26 minuten', 8_760_000],
  ['om 2 timmar och 26 minuter', 8_760_000],
  ['om 2 timer og 26 minutter', 8_760_000],
  ['za 2 godziny i 26 minut', 8_760_000],
  ['za 2 hodiny a 26 minut', 8_760_000],
  ['2 óra 26 perc múlva', 8_760_000],
  ['2 saat 26 dakika sonra', 8_760_000],
  ['2 tuntia ja 26 minuuttia', 8_760_000],
  ['через 2 часа и 26 минут', 8_760_000],
  ['wieder ab 13:15 Uhr', 900_000],
  ['Das Kontingent wird um 13:15 Uhr aufgefüllt', 900_000],
  ['erst ab 14 Uhr MEZ', 3_600_000],
  ['épuisé jusqu’à 13h15 UTC', 4_500_000],
  ['se renovará a partir de las 14:15 CET', 4_500_000],
  ['back at 2026-11-23T13:15:00Z', 4_500_000],
  ['クォータを超過しました。2時間26分後', 8_760_000],
  ['配额已用完，2小时26分钟后恢复', 8_760_000],
  ['3日後', 259_200_000],
  ['used up at 2026-11-23T11:59:59Z', null],
  ['made at 2026-11-23T12:00:01Z', null], // by a clock that is ahead
  ['epuisé à 11:15 UTC', null],
  ['wieder ab 13:15', null], // whose?
  ['8時15分にリセット', null],
  ['1分間に100回', null],
  ['每60秒100次', null],
  ['最近24小时内', null],
  ['you may retry 1 time', null],
  ['00:13:18, 00:00:20', null],
  ['100 calls per 60 seconds', null],
  ['refused at 12:13:14 UTC', null],
  ['2026-11-24 12:13:14', null],
  ['24.11.2026 12:13:14', null],
  ['timed out after 30 seconds', null],
  ['00:00:00', null],
  ['', null],
])('parseLoneWait of %j is %j ms', (text, ms) => {
  expect(parseLoneWait(text, NOW)?.ms ?? null).toBe(ms);
});

describe('parseWaitText takes nothing else for a wait', () => {
  const cases = [
    '',
    ' ',
    'Blocked',
    'Too Many Requests',
    'You exceeded your quota for the requested resource.',
    'Please wait a few minutes before you try again.',
    // numbers alone
    '429',
    'HTTP 429',
    'retry 3 of 5',
    'Try again in 57',
    'retry_after: 30',
    'Retry later, error 503 Service Unavailable',
    'wait 503 Service',
    // limits and windows
    'Limit: 3 / min',
    'at most 10 requests per 60 seconds',
    'You made 100 requests in 60 seconds',
    'You made 100 in 60 seconds',
    'exceeded 5 calls in 1 s',
    'Rate limit resets every 60 seconds',
    'retry within a window of 60 seconds',
    'retry at most twice an hour',
    'Limit: 4 M tokens',
    'try again with 5 M tokens',
    'window PT1M',
    // times past, and times of something else
    'Request timed out after 30 seconds',
    'timeout of 30 s',
    'Connection reset after 30 seconds',
    'Completed in 35 ms',
    'Your access token expires in 3600 seconds',
    'Gave up after 3 retries in 30 seconds',
    'last retry 5 minutes ago',
    'waited 30 seconds',
    // dates and times of day
    '2026-11-24',
    'until 2026-11-24',
    'until 2026-11-24T00:00:00',
    '2026-11-24T00:00:00Z',
    'dataEndTime must be after 2026-11-24T00:00:00Z',
    'not available for 2026-11-24T00:00:00Z',
    'until 2026-02-30T00:00:00Z',
    'Try again at 13:18:00',
    'Try again after 01:18:00 pm',
    'Try again after 13:18:00 CST',
    'blocked at 13:18:00 UTC',
    'blocked since 13:18 UTC',
    'last retry at 13:18 UTC',
    'refused at 13:18 UTC',
    'wait since Tue Nov 24 00:13:18 2026',
    '2026-11-24 00:13:18',
    '00:13:18',
    'replenished 13:18',
    'retry after 99:99:99',
    'retry in 1:00:00:00',
    // prices, versions, ids, speeds
    'retry for $5 m',
    'wait, that is €5 d',
    'try version 1.2.3',
    'again with v1.30s',
    'try again, request 3d-22-5h',
    'retry req_5h7d',
    'try again: 550e8400-e29b-41d4-a716-446655440000',
    'try again /v2/5m/items',
    'try again at 5 m/s',
    'retry in 5s3',
    'retry in 3d5',
    'retry in 5 months',
    'retry in -5 seconds',
    'retry in - 5 seconds',
    'wait P',
    'wait PT',
    'wait P1DT',
    'again P5X',
    '1 hour 5 minutes wide',
  ];
  test.each(cases)('%j', (text) => {
    expect(parseWaitText(text, NOW)).toBeNull();
  });

  test('an instant without a clock to measure it by', () => {
    expect(parseWaitText('blocked until 2026-11-24T00:00:00Z')).toBeNull();
    expect(parseWaitText('blocked until 2026-11-24T00:00:00Z', Number.NaN)).toBeNull();
  });
});
