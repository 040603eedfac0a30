/** A simulated Acme Cars: a real HTTP server with its limits, its tokens, and cars from a seed. */
import { defineSimulator, hash32, json, pickBetween, unitOf } from 'sluice/simulator';
import { z } from 'sluice/vendor';

const CLIENT = { id: 'garage', secret: 'garage-secret' };
const HOUR = 'calls-per-hour';
const DRIVES = ['petrol', 'electric', 'hybrid'];

export const simulator = defineSimulator({
  id: 'acme-cars',
  scenario: {
    cars: z.int().min(1).max(1000).default(3),
    tokenSeconds: z.number().positive().default(3600),
  },
  settings: ({ url }) => ({ baseUrl: url }),
  knows: () => `the client ${CLIENT.id}`,
  vendor: ({ cars, tokenSeconds }, record) => {
    /** When each token ends, epoch ms. */
    const tokens = new Map();
    const fleet = Array.from({ length: cars }, (_, i) => carOf(i));

    return {
      limits: [
        {
          name: HOUR,
          operations: ['cars', 'status', 'charging'],
          scope: '{account}',
          window: { kind: 'calendar', count: 120, per: 'hour', zone: 'UTC' },
        },
        {
          name: 'logins-per-minute',
          operations: ['login'],
          scope: '{account}',
          window: { kind: 'rolling', count: 5, ms: 60_000 },
        },
      ],

      // Which call it is; a wrong address or a missing token is answered before any limit counts.
      identify(request) {
        const { pathname } = request.url;
        if (pathname === '/oauth/token' && request.method === 'POST') {
          return { call: call('login', {}) };
        }
        const path = /^\/v1\/cars(?:\/(\w+)\/(status|charging))?$/.exec(pathname);
        if (path === null || request.method !== 'GET') {
          return {
            call: call('unknown', {}),
            answer: error(404, 'NOT_FOUND', `no ${request.method} ${pathname}`),
          };
        }
        const [, vin, read] = path;
        const known = call(read ?? 'cars', vin === undefined ? {} : { vin });
        const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
        const endsAt = tokens.get(token);
        if (endsAt === undefined) return { call: known, answer: error(401, 'TOKEN_UNKNOWN', 'log in first') };
        return endsAt > request.at
          ? { call: known }
          : { call: known, answer: error(401, 'TOKEN_EXPIRED', 'the token has ended') };
      },

      refuse: (_request, { operation }, { waitMs }) => {
        const seconds = Math.ceil((waitMs ?? 60_000) / 1000);
        return operation === 'login'
          ? error(429, 'TOO_FAST', 'too many logins', { 'retry-after': String(seconds) })
          : error(429, 'QUOTA_EXCEEDED', 'the calls of this hour are used up', {
              'x-acme-reset': String(seconds),
            });
      },

      // Every answer says how much of the hour is left; a refusal has said it already.
      decorate(request, called, _answer, limits) {
        if (called.operation === 'login' || called.operation === 'unknown') return {};
        const state = limits.state(HOUR, called, request.at);
        return state === null
          ? {}
          : {
              'x-acme-remaining': String(state.remaining),
              'x-acme-reset': String(Math.ceil(state.fullInMs / 1000)),
            };
      },

      handle(request, { operation, detail }) {
        if (operation === 'login') return logIn(request);
        if (operation === 'cars') return json(200, { cars: fleet });
        const car = fleet.find(({ vin }) => vin === detail.vin);
        if (car === undefined) return error(404, 'NO_SUCH_CAR', `no car ${detail.vin}`);
        return json(200, {
          values: operation === 'status' ? statusOf(car, request.at) : chargingOf(car, request.at),
        });
      },

      faultBody: (status) => JSON.stringify({ error: { code: 'FAULT', message: `injected ${status}` } }),
      // Tokens are known after a restart, too.
      replay: ({ token, endsAt }) => tokens.set(token, endsAt),
      pages: { cars: () => fleet },
      stats: () => ({ cars: fleet.length, tokens: tokens.size }),
    };

    function logIn(request) {
      const form = new URLSearchParams(request.body.toString('utf8'));
      if (form.get('client_id') !== CLIENT.id || form.get('client_secret') !== CLIENT.secret) {
        return error(401, 'BAD_CREDENTIALS', 'client id or secret is wrong');
      }
      const token = `acme-${request.requestId}`;
      const endsAt = request.at + tokenSeconds * 1000;
      tokens.set(token, endsAt);
      record({ token, endsAt });
      return json(200, { access_token: token, token_type: 'bearer', expires_in: tokenSeconds });
    }
  },
});

const call = (operation, detail) => ({ operation, account: CLIENT.id, attributes: {}, detail });

const error = (status, code, message, headers = {}) => json(status, { error: { code, message } }, headers);

function carOf(i) {
  const vin = `ACM${String(hash32('vin', i) % 1e9).padStart(9, '0')}${String(i).padStart(5, '0')}`;
  return { vin, name: `Car ${i + 1}`, model: `Model ${'STX'[i % 3]}`, drive: DRIVES[i % DRIVES.length] };
}

/** Cars drive by the clock: the same instant and car give the same answer. */
function statusOf({ vin, drive }, now) {
  const at = new Date(Math.floor(now / 60_000) * 60_000).toISOString();
  return {
    odometer: {
      value: pickBetween(1000, 90_000, vin) + (Math.floor(now / 3_600_000) % 10_000),
      unit: 'km',
      at,
    },
    doors: { value: unitOf(hash32(vin, 'doors')) < 0.9 ? 'locked' : 'open', unit: null, at },
    fuel: { value: drive === 'electric' ? 'n/a' : pickBetween(5, 100, vin, 'fuel'), unit: '%', at },
  };
}

function chargingOf({ vin, drive }, now) {
  const at = new Date(Math.floor(now / 60_000) * 60_000).toISOString();
  const electric = drive !== 'petrol';
  return {
    level: { value: electric ? pickBetween(10, 100, vin, Math.floor(now / 600_000)) : 'n/a', unit: '%', at },
    plugged: { value: electric ? unitOf(hash32(vin, 'plug')) < 0.5 : 'n/a', unit: null, at },
    minutesLeft: { value: null, unit: 'min', at },
  };
}
