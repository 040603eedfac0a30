/** A refusal that states its wait in the headers of its limits alone. */
import { classifyOpenAi } from '../../../../vendors/openai/classify';

const NOW = Date.UTC(2026, 10, 29, 12);

function waitOf(
  headers: Record<string, string>,
  error: object = { code: 'rate_limit_exceeded' },
  status = 429,
) {
  const call = { vendor: 'openai', account: 'a', operation: 'createResponse', attributes: {} };
  const response = { status, headers, body: JSON.stringify({ error }) };
  const verdict = classifyOpenAi(call, { kind: 'response', response }, NOW);
  return 'statedWaitMs' in verdict ? verdict.statedWaitMs : verdict.kind;
}

const requests = (limit: string, remaining: string, reset: string) => ({
  'x-ratelimit-limit-requests': limit,
  'x-ratelimit-remaining-requests': remaining,
  'x-ratelimit-reset-requests': reset,
});
const tokens = (remaining: string, reset: string) => ({
  'x-ratelimit-remaining-tokens': remaining,
  'x-ratelimit-reset-tokens': reset,
});

test.each([
  ['a Go duration', { 'x-ratelimit-reset-tokens': '1m12.5s' }, 72_500],
  ['seconds', { 'x-ratelimit-reset-tokens': '17' }, 17_000],
  ['seconds since 1970', { 'x-ratelimit-reset-tokens': String(NOW / 1000 + 90) }, 90_000],
  ['milliseconds since 1970', { 'x-ratelimit-reset-tokens': String(NOW + 1500) }, 1500],
  ['an instant', { 'x-ratelimit-reset-tokens': '2026-11-29T12:00:20Z' }, 20_000],
  ['another name', { 'x-ratelimit-reset-project-tokens': '5s' }, 5000],
  ['the one that has nothing left', { ...requests('9', '4', '50s'), ...tokens('0', '7s') }, 7000],
  ['nothing left, as a decimal', { ...requests('9', '0.0', '7s'), ...tokens('8', '6h') }, 7000],
  ['less than nothing left', { ...requests('9', '-2', '7s'), ...tokens('8', '6h') }, 7000],
  ['the longest where none is used up', { ...requests('9', '4', '50s'), ...tokens('8', '7s') }, 50_000],
  ['the longest where both are', { ...requests('9', '0', '50s'), ...tokens('0', '7s') }, 50_000],
  // A day's 200: the next one is there after 432 s, and all of them after a day.
  ['the next unit of a bucket that refills steadily', requests('200', '0', '24h0m0s'), 432_000],
  ["the end of a day's window", requests('200', '0', '3h0m0s'), 10_800_000],
  ['nothing to wait for', { 'x-ratelimit-reset-tokens': '0s' }, null],
  ['the past', { 'x-ratelimit-reset-tokens': '1700000000' }, null],
  ['no time at all', { 'x-ratelimit-reset-tokens': 'soon' }, null],
  ['a duration in ISO form', { 'x-ratelimit-reset-tokens': 'PT20S' }, 20_000],
  ['a duration in words', { 'x-ratelimit-reset-tokens': '1 minute 5 seconds' }, 65_000],
  ['the longest of a header that came twice', { 'x-ratelimit-reset-tokens': '10s, 30s' }, 30_000],
  ['a limit without a name', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '30' }, 30_000],
  ['its milliseconds since 1970', { 'x-ratelimit-reset': String(NOW + 1500) }, 1500],
  ['the draft of a standard', { 'ratelimit-remaining': '0', 'ratelimit-reset': '30' }, 30_000],
  ['its older form in one header', { ratelimit: 'limit=100, remaining=0, reset=30' }, 30_000],
  ['its newer form in one header', { ratelimit: '"default";r=0;t=30' }, 30_000],
  ['the name in front', { 'anthropic-ratelimit-requests-reset': '2026-11-29T12:00:20Z' }, 20_000],
  ['another word for the limit', { 'ratelimitbysize-remaining': '0', 'ratelimitbysize-reset': '12' }, 12_000],
  [
    'the minute of what has a day, too',
    {
      ...{ 'x-ratelimit-remaining-requests-day': '500', 'x-ratelimit-reset-requests-day': '33011.3' },
      ...{ 'x-ratelimit-remaining-tokens-minute': '0', 'x-ratelimit-reset-tokens-minute': '33' },
    },
    33_000,
  ],
  ['what Retry-After of 0 leaves open', { 'retry-after': '0', 'x-ratelimit-reset-tokens': '17s' }, 17_000],
  [
    'nor a date that is over',
    { 'retry-after': 'Sun, 29 Nov 2026 11:00:00 GMT', 'x-ratelimit-reset': '9' },
    9000,
  ],
  ['Retry-After by another name', { 'x-ms-retry-after-ms': '1234' }, 1234],
  ['Retry-After, which wins', { 'retry-after': '3', 'x-ratelimit-reset-tokens': '17s' }, 3000],
])('%s', (_, headers, expected) => {
  expect(waitOf(headers)).toBe(expected);
});

test('the limit that the refusal names is the one that is waited for, and words win over resets', () => {
  const both = { ...requests('9', '0', '50s'), ...tokens('0', '7s') };
  expect(waitOf(both, { type: 'tokens', message: 'Rate limit reached on tokens per min (TPM)' })).toBe(7000);
  expect(waitOf(both, { type: 'tokens', message: 'Rate limit reached. Please try again in 2s.' })).toBe(2000);
});

test.each<[string, object, number]>([
  ['beside the message', { retry_after: 7 }, 7000],
  ['as a time to wait', { wait_time_ms: 7000 }, 7000],
  ['as a cooldown', { cooldown: 7 }, 7000],
  ['in milliseconds', { retryAfterMs: 700 }, 700],
  ['as an instant', { resets_at: NOW / 1000 + 90 }, 90_000],
  ['in details', { details: [{ '@type': 'google.rpc.RetryInfo', retryDelay: '34.074s' }] }, 34_074],
  ['in the headers of the server behind', { metadata: { headers: { 'X-RateLimit-Reset': NOW + 500 } } }, 500],
  ['in an error that a gateway quotes', { message: 'x - {"error":{"message":"x","retry_after":3}}' }, 3000],
])('a wait %s is one', (_, fields, expected) => {
  expect(waitOf({}, { message: 'slow', code: 429, ...fields })).toBe(expected);
});

test('an answer that is no refusal has no such wait', () => {
  expect(
    waitOf({ 'x-ratelimit-reset-tokens': '17s' }, { type: 'server_error', message: 'oops' }, 500),
  ).toBeNull();
});

test.each([
  ['Trop de requêtes. Réessayez dans 30 secondes.', 30_000],
  ['Límite alcanzado. Inténtelo de nuevo en 10 minutos', 600_000],
  ['Слишком много запросов. Повторите через 45 секунд', 45_000],
  ['Zu viele Anfragen, noch 1 Min. 3 Sek.', 63_000],
  // Several lengths, a window's, and what is too long for a guess.
  ['Máximo 5 en 10 minutos; espere 20 segundos', null],
  ['Zu viele Anfragen: höchstens 100 pro 60 Sekunden', null],
  ['Trop de requêtes (limite : 60 secondes)', null],
  ['Limite de 24 heures atteinte', null],
])('the only length of time in words of any language: %s', (message, expected) => {
  expect(waitOf({}, { code: '429', message })).toBe(expected);
});
