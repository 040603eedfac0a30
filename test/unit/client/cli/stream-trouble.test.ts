import { streamTrouble } from '../../../../client/cli/streams';
import type { StreamStanding } from '../../../../store/streams/streams';

const NOW = Date.UTC(2026, 10, 30, 12);
const standing: StreamStanding = {
  account: 'car',
  state: 'connected',
  reason: '',
  held: true,
  messages: 7,
  connectedAt: NOW,
  continuousSince: NOW,
  messageAt: NOW - 60_000,
  retryAt: null,
};

test('a stream that stands is no trouble', () => {
  expect(streamTrouble(standing, NOW)).toBeNull();
});

test.each<[string, Partial<StreamStanding>, RegExp]>([
  [
    'that has ended',
    { state: 'waiting', reason: 'connect ECONNREFUSED' },
    /connect ECONNREFUSED; last message .*1 min.*; tried again by itself, at most 5 min apart/,
  ],
  [
    'that waits for its next try',
    { state: 'waiting', reason: 'connect ECONNREFUSED', retryAt: NOW + 32_000 },
    /connect ECONNREFUSED; last message .*; next try .*32 s/,
  ],
  [
    'that is silent',
    { state: 'silent', reason: 'no message for 33 s' },
    /no message for 33 s; .*; each vehicle is read once/,
  ],
  [
    'that nobody holds',
    { held: false, messageAt: null },
    /no worker holds it; no message so far; tried again/,
  ],
  ['that begins', { state: 'waiting' }, /it is being connected/],
])('one %s says why, since when, and what follows', (_, more, text) => {
  expect(streamTrouble({ ...standing, ...more }, NOW)).toMatch(text);
});
