import type { Pool } from 'pg';
import { ownDatabase } from '../../../support/stacks/own-database';
import { type CarVendor, carReads, type Reading, startCarVendor } from '../../../support/vendors/car-vendor';

let db: Pool;
let vendor: CarVendor;
let account = '';
let count = 0;
let reading: Reading;

ownDatabase({ max: 8 }, (made) => {
  db = made;
});
beforeEach(async () => {
  account = `depot-${++count}`;
  vendor = await startCarVendor();
  reading = carReads(db, vendor.url, account);
});
afterEach(() => vendor.close());

const ask = (read: string, more: object = {}) =>
  reading.reads.read({ account, vehicleId: 'A1', read, ...more });
const callsTo = (path: string) => vendor.calls.filter((call) => call.includes(path)).length;
/** As another process finds it, whose settings may want another resource. */
const elsewhere = (identity = '') => carReads(db, vendor.url, account, 1, {}, identity).reads;

test('the resource is adopted, and made again once for all when it has gone; others of ours go', async () => {
  vendor.boxes.set('old', 'ours').set('spare', 'ours').set('past', 'stale').set('theirs', 'foreign');
  await ask('state');
  expect([...vendor.boxes.keys()]).toEqual(['old', 'theirs']);
  expect(callsTo('/state?box=old')).toBe(1);
  vendor.boxes.delete('old');
  const others = [elsewhere(), elsewhere(), elsewhere()];
  const asked = others.map((reads) => reads.read({ account, vehicleId: 'A1', read: 'state', maxAgeMs: 0 }));
  const second = reading.reads.read({ account, vehicleId: 'B2', read: 'state', maxAgeMs: 0 });
  for (const served of await Promise.all([...asked, second])) expect(served.stale).toBeNull();
  expect([...vendor.boxes.keys()]).toEqual(['theirs', 'b1']);
  expect(vendor.calls.filter((call) => call === 'POST /boxes')).toHaveLength(1);

  // Its creation was carried out, and nobody heard of it: it is found, not made a second time.
  vendor.boxes.delete('b1');
  vendor.onCall = async (call) => {
    if (call !== 'POST /boxes') return undefined;
    vendor.boxes.set('unheard', 'ours');
    return { status: 502, body: '' };
  };
  expect((await ask('state', { maxAgeMs: 0 })).stale).toMatchObject({ cause: 'failed' });
  vendor.onCall = async () => undefined;
  await db.query(`update reads set retry_at = null where account = $1`, [account]);
  const found = await elsewhere().read({ account, vehicleId: 'A1', read: 'state', maxAgeMs: 0 });
  expect(found.stale).toBeNull();
  expect([...vendor.boxes.keys()]).toEqual(['theirs', 'unheard']);
});

test('a resource that was made for other settings is replaced by what is wanted now, and that one again', async () => {
  await ask('state');
  for (const [identity, id] of [
    ['other values', 'b2'],
    ['', 'b3'],
  ] as const) {
    const [before = ''] = vendor.boxes.keys();
    vendor.boxes.set(before, 'stale');
    const other = elsewhere(identity);
    for (let i = 0; i < 2; i++) await other.read({ account, vehicleId: 'A1', read: 'state', maxAgeMs: 0 });
    expect([...vendor.boxes.keys()]).toEqual([id]);
    expect(callsTo(`/state?box=${id}`)).toBe(2);
  }
  expect(vendor.calls.filter((call) => call === 'GET /boxes')).toHaveLength(3);
});
