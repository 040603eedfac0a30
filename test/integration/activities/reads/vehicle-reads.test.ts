import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import pino from 'pino';
import { Spool } from '../../../../activities/gateway/spool/spool';
import { type KeptRead, StoredLater, storeRead } from '../../../../activities/reads/kept';
import { NothingToServe, ReadInputError } from '../../../../activities/reads/types';
import { createPool } from '../../../../store/db';
import { noteStreamed, storeStreamed } from '../../../../store/reads/answers';
import { ensureRead } from '../../../../store/reads/reads';
import { generateKey, KeyRing } from '../../../../store/secrets/keyring';
import { eventually } from '../../../support/eventually';
import { startBreakableProxy } from '../../../support/network/breakable-proxy';
import type { CarReaderOptions } from '../../../support/processes/car-reader-process';
import { Child } from '../../../support/processes/child';
import { ownDatabase } from '../../../support/stacks/own-database';
import {
  type CarVendor,
  carReads,
  DAY_CALLS,
  type Reading,
  startCarVendor,
  value,
} from '../../../support/vendors/car-vendor';

let db: Pool;
let databaseUrl: string;
let vendor: CarVendor;
let account = '';
let count = 0;
let reading: Reading;

ownDatabase({ max: 8 }, (made, url) => {
  [db, databaseUrl] = [made, url];
});
beforeEach(async () => {
  account = `garage-${++count}`;
  vendor = await startCarVendor();
  reading = carReads(db, vendor.url, account);
});
afterEach(() => vendor.close());

const ask = (read: string, more: object = {}) =>
  reading.reads.read({ account, vehicleId: 'A1', read, ...more });
const callsTo = (path: string) => vendor.calls.filter((call) => call.includes(path)).length;
/** As another process finds it: without this one's memory. */
const elsewhere = () => carReads(db, vendor.url, account).reads;

test('many who ask at once are one call, and those after them none until it is stale', async () => {
  vendor.state.km = value(12, 1_000);
  const many = await Promise.all(Array.from({ length: 40 }, () => ask('state')));
  expect(callsTo('/state')).toBe(1);
  expect(many.filter(({ servedFrom }) => servedFrom === 'call')).toHaveLength(1);
  const again = await ask('state');
  expect(again).toMatchObject({ servedFrom: 'memory', stale: null, source: 'call' });
  expect(again.answer.values.km).toMatchObject({ state: 'value', value: 12, at: 1_000, source: 'call' });
  expect(await elsewhere().read({ account, vehicleId: 'a1', read: 'state' })).toMatchObject({
    servedFrom: 'database',
    vehicleId: 'A1',
    requestId: again.requestId,
  });
  expect(callsTo('/state')).toBe(1);
  expect(await ask('state', { maxAgeMs: 0 })).toMatchObject({ servedFrom: 'call' });
  expect(callsTo('/state')).toBe(2);
});

test('null, not mentioned and not available are three things; the newer by the car’s clock stays', async () => {
  Object.assign(vendor.state, {
    fuel: value(40, 2_000),
    door: value('open', 2_000),
    gone: value(1),
    empty: value(null),
  });
  await ask('state');
  await storeStreamed(db, {
    account,
    vehicleId: 'A1',
    read: 'state',
    values: { fuel: value(39, 3_000), door: value('shut', 1_000), heat: value(20, 1_000) },
  });
  vendor.state.gone = undefined as never;
  const { answer } = await ask('state', { maxAgeMs: 0 });
  expect(answer.values).toMatchObject({
    fuel: { value: 39, source: 'stream' },
    door: { value: 'open', source: 'call' },
    empty: { state: 'null', value: null },
    // Streams report what the call does not ask for.
    heat: { value: 20 },
  });
  expect(answer.values).not.toHaveProperty('gone');
});

test('what a stream reports again replaces nothing newer, and a time far ahead nothing for ever', async () => {
  const about = { account, vehicleId: 'A1', read: 'state' };
  const reported = async () => (await elsewhere().read(about)).answer.values;
  await ask('state');
  const report = (values: Record<string, ReturnType<typeof value>>, retained = false) =>
    storeStreamed(db, { ...about, values, retained });
  await report({ km: value(100, 5_000), door: value('open'), wild: value(1, Date.now() + 9 * 86_400_000) });
  await report({ km: value(99, 4_000) });
  await report({ km: value(98, 3_000), door: value('shut'), lamp: value('on') }, true);
  await report({ wild: value(2, Date.now()) });
  expect(await reported()).toMatchObject({
    km: { value: 100 },
    door: { value: 'open' },
    lamp: { value: 'on' },
    wild: { value: 2 },
  });
  await report({ door: value('shut'), km: value(101, 6_000) });
  expect(await reported()).toMatchObject({ km: { value: 101 }, door: { value: 'shut' } });
});

test('a stream without a gap keeps a read fresh', async () => {
  const minutes = 60_000;
  await ask('state');
  await db.query(
    `update reads set answered_at = answered_at - interval '10 minutes' where account = $1 and read = 'state'`,
    [account],
  );
  const noted = { account, read: 'state', vehicleIds: null };
  await noteStreamed(db, noted, Date.now() - 20 * minutes);
  const streamed = await elsewhere().read({ account, vehicleId: 'A1', read: 'state' });
  expect(streamed).toMatchObject({ source: 'stream', servedFrom: 'database' });
  expect(streamed.ageMs).toBeLessThan(minutes);
  await db.query(`update reads set streamed_at = null where account = $1`, [account]);
  // One that began after the last answer knows nothing of what was before it.
  await noteStreamed(db, noted, Date.now() - 5 * minutes);
  expect(await elsewhere().read({ account, vehicleId: 'A1', read: 'state' })).toMatchObject({
    servedFrom: 'call',
  });
});

test('two processes that ask at once make one call; one that is killed over it keeps nobody for long', async () => {
  await ask('state');
  const options: CarReaderOptions = { databaseUrl: databaseUrl, url: vendor.url, account };
  const [one, other] = [
    new Child('car-reader-process.ts', options),
    new Child('car-reader-process.ts', options),
  ];
  try {
    await Promise.all([one.hear(), other.hear()]);
    let answerNow: () => void = () => undefined;
    const held = new Promise<undefined>((done) => {
      answerNow = () => done(undefined);
    });
    vendor.onCall = () => held;
    one.say('picture');
    await eventually('one has asked', () => callsTo('/picture') === 1);
    other.say('picture');
    const mine = ask('picture');
    // Whoever is later than this finds the answer in the database.
    await delay(200);
    answerNow();
    const served = await Promise.all([
      one.hear<{ servedFrom: string }>(),
      other.hear<{ servedFrom: string }>(),
      mine,
    ]);
    expect(served.map(({ servedFrom }) => servedFrom).sort()).toEqual(['call', 'database', 'database']);
    expect(callsTo('/picture')).toBe(1);

    vendor.onCall = () => new Promise(() => undefined);
    one.say('state now');
    await eventually('it has asked', () => callsTo('/state') === 2);
    await one.end();
    vendor.onCall = async () => undefined;
    // Its lease is over, as it is ten seconds later.
    await db.query(
      `update reads set lease_until = clock_timestamp(), asked_at = asked_at - interval '10 s'
       where account = $1 and read = 'state'`,
      [account],
    );
    expect(await ask('state', { maxAgeMs: 0 })).toMatchObject({ stale: null });
    expect(callsTo('/state')).toBe(3);
  } finally {
    await Promise.all([one.end(), other.end()]);
  }
});

test('under a closed pool the last answer comes at once, with its age and until when', async () => {
  await ask('state');
  vendor.onCall = async () => ({ status: 403, body: '{"code":"QUOTA"}' });
  const first = await ask('state', { maxAgeMs: 0 });
  expect(first.stale).toMatchObject({ cause: 'quota', pool: `cars/${account}`, requestId: 'r5' });
  expect(first.stale?.until).toBeGreaterThan(Date.now() + 590_000);
  const made = vendor.calls.length;
  const begin = performance.now();
  for (const reads of [reading.reads, elsewhere()]) {
    const served = await reads.read({ account, vehicleId: 'A1', read: 'state', maxAgeMs: 0 });
    expect(served.stale).toMatchObject({ cause: 'quota' });
    expect(served.ageMs).toBeGreaterThan(0);
  }
  // Nobody has waited for leave to call, which may take ten seconds.
  expect(performance.now() - begin).toBeLessThan(8_000);
  const error = await ask('picture').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(NothingToServe);
  expect((error as NothingToServe).why).toMatchObject({ cause: 'quota', until: first.stale?.until });
  expect(vendor.calls).toHaveLength(made);
});

test('a spent day is reported with its end, and nothing is sent', async () => {
  await ask('state');
  for (let i = 0; i < DAY_CALLS && (await ask('state', { maxAgeMs: 0 })).stale === null; i++);
  const made = vendor.calls.length;
  expect(made).toBeLessThanOrEqual(DAY_CALLS);
  const served = await ask('state', { maxAgeMs: 0, force: true });
  expect(served.stale).toMatchObject({ cause: 'limit', limit: expect.stringContaining('day') });
  expect(served.stale?.until).toBeGreaterThan(Date.now() + 80_000_000);
  expect(vendor.calls).toHaveLength(made);
});

test('a read that is refused is reported, and not called again unless it is forced', async () => {
  vendor.onCall = async (call) =>
    call.includes('/picture') ? { status: 404, body: '{"code":"NONE"}' } : undefined;
  const refused = await ask('picture').catch((thrown: unknown) => thrown);
  expect((refused as NothingToServe).why).toMatchObject({
    cause: 'refused',
    reason: expect.stringContaining('NONE'),
  });
  await expect(ask('picture', { maxAgeMs: 0 })).rejects.toThrow(NothingToServe);
  expect(callsTo('/picture')).toBe(1);
  await expect(ask('picture', { force: true })).rejects.toThrow(NothingToServe);
  expect(callsTo('/picture')).toBe(2);
  const { rows } = await db.query<{ waits: number }>(
    `select extract(epoch from retry_at - failed_at)::float8 as waits from reads where account = $1 and read = 'picture'`,
    [account],
  );
  expect(rows[0]?.waits).toBeCloseTo(3600, 0);
  vendor.onCall = async () => undefined;
  expect((await ask('picture', { force: true })).answer.document).toEqual({
    contentType: 'image/png',
    base64: 'AP/+Cg==',
  });
});

test('an answer that cannot be read or stored costs one call, and then backs off', async () => {
  vendor.state.km = value(1, 1e18);
  const unstorable = await ask('state').catch((thrown: unknown) => thrown);
  expect((unstorable as NothingToServe).why.reason).toContain('cannot be stored');
  vendor.onCall = async (call) => (call.includes('/history') ? { status: 200, body: '{"next":' } : undefined);
  const history = () => ask('history', { params: { from: '2026-11-01' } });
  await expect(history()).rejects.toThrow('cannot be used: is no JSON');
  await expect(ask('state', { maxAgeMs: 0 })).rejects.toThrow(NothingToServe);
  await expect(history()).rejects.toThrow(NothingToServe);
  expect([callsTo('/state'), callsTo('/history')]).toEqual([1, 1]);
});

test('pages are kept as they come: whoever goes on asks for the rest', async () => {
  const params = { from: '2026-11-01' };
  vendor.onCall = async (call) => (call.includes('page=2') ? { status: 500, body: '' } : undefined);
  await expect(ask('history', { params })).rejects.toThrow(NothingToServe);
  expect(callsTo('/history')).toBe(3);
  vendor.onCall = async () => undefined;
  const served = await ask('history', { params, force: true });
  expect(served.answer.records).toEqual([{ page: 0 }, { page: 1 }, { page: 2 }]);
  expect(callsTo('/history')).toBe(4);
});

test('answers that come while Postgres is away are stored when it is back, as old as they are, by the next process, too', async () => {
  await ask('state');
  const root = mkdtempSync(join(tmpdir(), 'spool-'));
  const proxy = await startBreakableProxy(new URL(databaseUrl).host);
  const url = new URL(databaseUrl);
  url.host = proxy.address;
  const away = createPool(url.toString(), { max: 6 });
  const spoolOf = (identity: string) =>
    new Spool({
      ...{ root, identity, keys: KeyRing.parse(generateKey()), log: pino({ level: 'silent' }) },
      hasEnded: () => false,
    });
  const spools = [spoolOf('lives'), spoolOf('ends')] as const;
  const over = new AbortController();
  const one = carReads(away, vendor.url, account, 1, { spool: spools[0] }).reads;
  const other = carReads(away, vendor.url, account, 1, { spool: spools[1], stopping: over.signal }).reads;
  const kept: KeptRead[] = [];
  const put = spools[1].put.bind(spools[1]);
  spools[1].put = (kind, data) => {
    kept.push(structuredClone(data) as KeptRead);
    return put(kind, data);
  };
  try {
    let answerNow: () => void = () => undefined;
    const cut = new Promise<undefined>((done) => {
      answerNow = () => done(undefined);
    });
    vendor.onCall = () => cut;
    vendor.state.km = value(777);
    const asked = { account, vehicleId: 'A1', maxAgeMs: 0 };
    const lives = one.read({ ...asked, read: 'state' });
    const ends = other.read({ ...asked, read: 'picture' }).catch((error: unknown) => error);
    await eventually('both have asked', () => callsTo('/state') === 2 && callsTo('/picture') === 1);
    proxy.cut();
    answerNow();
    const cutAt = Date.now();
    const entries = () => readdirSync(root, { recursive: true }).filter((f) => String(f).endsWith('.entry'));
    await eventually('both answers are on disk', () => entries().length === 2);
    over.abort();
    expect(await ends).toBeInstanceOf(StoredLater);
    const restoredAt = Date.now();
    proxy.restore();
    const served = await lives;
    expect(served.answer.values.km).toMatchObject({ value: 777 });
    expect(served.ageMs).toBeGreaterThan(2_000);
    expect(entries()).toHaveLength(1);

    // As a worker does it that finds what another has left; twice, for it may die over it.
    const [left] = kept;
    if (left === undefined) throw new Error('nothing was kept');
    await storeRead(db, left);
    await storeRead(db, left);
    vendor.onCall = async () => undefined;
    const picture = await elsewhere().read({ account, vehicleId: 'A1', read: 'picture' });
    expect(picture).toMatchObject({ servedFrom: 'database', stale: null });
    // Of when it came, and not of when it could be stored.
    expect(picture.freshAt).toBeGreaterThan(cutAt - 1_000);
    expect(picture.freshAt).toBeLessThan(restoredAt);
    expect([callsTo('/state'), callsTo('/picture')]).toEqual([2, 1]);

    // What is newer stays.
    vendor.state.km = value(778);
    await ask('state', { maxAgeMs: 0 });
    const at = { asked: cutAt, answered: cutAt };
    const { id } = await ensureRead(db, { account, vehicleId: 'A1', read: 'state', params: {} });
    await storeRead(db, {
      ...{ kind: 'answer', account, at, lease: { id, owner: 'gone' }, described: null },
      answer: { answer: { values: { km: value(1) } }, source: 'call', requestId: null },
    });
    const last = await elsewhere().read({ account, vehicleId: 'A1', read: 'state' });
    expect(last.answer.values.km).toMatchObject({ value: 778 });
  } finally {
    proxy.restore();
    await Promise.all(spools.map((spool) => spool.stop()));
    await away.end();
    await proxy.close();
    rmSync(root, { recursive: true, force: true });
  }
});

test('one call answers for all vehicles, where the vendor takes several', async () => {
  await Promise.all([
    ask('positions'),
    reading.reads.read({ account, vehicleId: 'B2', read: 'positions' }),
    elsewhere().read({ account, vehicleId: 'B2', read: 'positions' }),
  ]);
  expect(vendor.calls.filter((call) => call.includes('/positions'))).toHaveLength(1);
  expect((await ask('positions')).answer.values.at).toMatchObject({ value: 'A1' });
});

test('impossible input is reported, and nothing is sent', async () => {
  await reading.reads.vehicles(account);
  vendor.calls.length = 0;
  const wrong = [
    [() => ask('speed'), 'read', 'there are state, history, picture, positions'],
    [() => ask('history'), 'params', 'history needs from: the beginning'],
    [() => ask('history', { params: { from: 'soon' } }), 'params', 'from: "soon" is not a time'],
    [() => ask('state', { params: { x: '1' } }), 'params', '"x" is no parameter of state; it takes none'],
    [() => ask('state', { vehicleId: '??' }), 'vehicle', '"??" is no letter and digit'],
    [() => ask('state', { vehicleId: 'Z9' }), 'vehicle', 'not among the vehicles of account'],
    [() => ask('state', { vehicleId: 'C3' }), 'vehicle', 'may not read it'],
  ] as const;
  for (const [asked, field, text] of wrong) {
    const error = await asked().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ReadInputError);
    expect(error).toMatchObject({ field, message: expect.stringContaining(text) });
  }
  await expect(reading.reads.vehicles('nobody')).rejects.toThrow(RangeError);
  expect(vendor.calls).toEqual([]);
});
