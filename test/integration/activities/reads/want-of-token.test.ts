import type { Pool } from 'pg';
import { CallFailed } from '../../../../activities/gateway/call-errors';
import type { TokenSource } from '../../../../activities/gateway/call-terms';
import { NothingToServe } from '../../../../activities/reads/types';
import { GrantStore } from '../../../../store/secrets/grants';
import { generateKey, KeyRing } from '../../../../store/secrets/keyring';
import { TokenStore } from '../../../../store/secrets/tokens';
import { ownDatabase } from '../../../support/stacks/own-database';
import { type CarVendor, carReads, type Reading, startCarVendor } from '../../../support/vendors/car-vendor';

let db: Pool;
let vendor: CarVendor;
let account = '';
let count = 0;
let reading: Reading;
const keys = KeyRing.parse(generateKey());

ownDatabase({ max: 8 }, (made) => {
  db = made;
});
beforeEach(async () => {
  account = `garage-${++count}`;
  vendor = await startCarVendor();
  reading = carReads(db, vendor.url, account);
  await reading.reads.read(picture(5_000));
});
afterEach(() => vendor.close());

const picture = (maxAgeMs = 0) => ({ account, vehicleId: 'A1', read: 'picture', maxAgeMs });
const history = () => ({ account, vehicleId: 'A1', read: 'history', params: { from: '2026-11-01' } });
/** As another process finds it: without this one's memory. */
const elsewhere = () => carReads(db, vendor.url, account).reads;

const tokenSource: TokenSource = {
  token: () =>
    Promise.reject(
      new CallFailed(
        {
          ...{ kind: 'server', statedWaitMs: null, ambiguous: true },
          evidence: { vendor: 'cars', account, operation: 'token-refresh', httpStatus: 503 },
        },
        0,
        false,
      ),
    ),
};

function logIn(key: string) {
  return new GrantStore(db, keys).storeLogin(key, {
    ...{ accessToken: 'a', expiresInMs: 60_000, refreshToken: 'r', refreshExpiresInMs: 60_000 },
    credentials: '',
  });
}

async function buyByPassword(key: string) {
  const tokens = new TokenStore(db, keys);
  const token = { account: key, fingerprint: 'of a password' };
  const claim = await tokens.claimRefresh({
    ...{ key: token, seenVersion: 0, calledExpired: false, leaseMs: 10_000, owner: 'a caller' },
  });
  if (claim.kind !== 'refresh') throw new Error(claim.kind);
  return tokens.storeToken(token, claim, { accessToken: 'a', expiresInMs: 60_000 });
}

test.each([
  ['somebody has logged in', logIn],
  ['a password has bought one', buyByPassword],
])('what failed for want of a token is called at once when %s; no other failure is', async (_, comes) => {
  vendor.onCall = async (call) => (call.includes('history') ? { status: 500, body: '' } : undefined);
  await expect(reading.reads.read(history())).rejects.toThrow(NothingToServe);
  const failed = { cause: 'failed', reason: expect.stringContaining('503'), until: expect.any(Number) };
  const without = carReads(db, vendor.url, account, 1, { tokenSource }).reads;
  expect((await without.read(picture())).stale).toMatchObject(failed);
  expect((await elsewhere().read(picture())).stale).toMatchObject(failed);

  await comes(reading.account.poolKey);
  expect(await elsewhere().read(picture())).toMatchObject({ servedFrom: 'call', stale: null });
  const calls = vendor.calls.length;
  await expect(elsewhere().read(history())).rejects.toThrow(NothingToServe);
  expect(vendor.calls).toHaveLength(calls);
});

test('it waits on when another account has got one', async () => {
  await carReads(db, vendor.url, account, 1, { tokenSource }).reads.read(picture());
  await logIn('cars/another-garage');
  expect((await elsewhere().read(picture())).stale).toMatchObject({ cause: 'failed' });
});
