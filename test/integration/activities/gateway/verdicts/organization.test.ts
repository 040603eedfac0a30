/** An organization's limit: one call finds it, every account of the organization is stopped, one resume frees them all. */
import type { Pool } from 'pg';
import type { CallableAccount } from '../../../../../settings/accounts/accounts';
import { restampPermit, takePermits } from '../../../../../store/permits/permits';
import { applyPoolEvent, poolsOf, readPools, registerPool } from '../../../../../store/pools/pools';
import type { CallResult } from '../../../../../vendors/contract';
import {
  answer,
  type Said,
  type ScriptedGateway,
  scriptedGateway,
  termsOf,
} from '../../../../support/scripted-gateway';
import { uniqueName } from '../../../../support/stacks/embedded';
import { ownDatabase } from '../../../../support/stacks/own-database';

let db: Pool;
let scripted: ScriptedGateway;
let organization: NonNullable<CallableAccount['organization']>;

ownDatabase({ max: 8 }, (made) => {
  db = made;
});

beforeEach(() => {
  scripted = scriptedGateway(db);
  const { pool: policy } = scripted.account('any', []);
  organization = { key: `scripted/organization/${uniqueName('org')}`, policy };
});

const OK: Said = { kind: 'ok' };
const SPENT: Said = { kind: 'billing', scope: 'organization' };

const member = () => scripted.account(uniqueName('member'), [], { organization });
const outsider = () => scripted.account(uniqueName('outsider'), []);

/** Calls that reached the vendor. */
let sent = 0;
beforeEach(() => {
  sent = 0;
});

function call(account: CallableAccount, said: Said | Promise<Said>): Promise<CallResult> {
  const made = scripted.gateway.call({
    ...termsOf(account),
    send: async () => {
      sent++;
      return answer(await said);
    },
  });
  // Looked at later: a refusal meanwhile is no unhandled one.
  made.catch(() => undefined);
  return made;
}

/** A call whose answer the test gives later; resolved when it has left. */
async function inFlight(account: CallableAccount) {
  let answer: (said: Said) => void = () => undefined;
  const said = new Promise<Said>((resolve) => {
    answer = resolve;
  });
  const before = sent;
  const end = call(account, said);
  while (sent === before) await new Promise((resolve) => setTimeout(resolve, 2));
  return { answer, end };
}

const stopped = { name: 'PoolClosed', details: { state: 'held', until: null } };
const stateOf = async (key: string) => (await readPools(db, [key]))[0]?.state;

async function holdEvents() {
  const { rows } = await db.query<{ pool: string; data: { evidence: { account: string } } }>(
    `select pool, data from events where kind = 'pool.held' and pool = any ($1)`,
    [[organization.key, ...(await poolsOf(db, organization.key))]],
  );
  return rows;
}

test('found by one account it stops all of them, and those that begin later, without a call of theirs', async () => {
  const [finder, other, later] = [member(), member(), member()];
  const stranger = outsider();
  await call(other, OK);
  await expect(call(finder, SPENT)).rejects.toMatchObject({
    ...stopped,
    details: { pool: organization.key, reason: expect.stringContaining("organization's limit") },
  });
  const before = sent;
  await expect(call(other, OK)).rejects.toMatchObject({ ...stopped, details: { pool: organization.key } });
  await expect(call(later, OK)).rejects.toMatchObject({ ...stopped, details: { pool: organization.key } });
  expect(await scripted.gateway.whyClosed(other)).toMatchObject({ details: { pool: organization.key } });
  expect(sent).toBe(before);
  await call(stranger, OK);

  expect(await poolsOf(db, organization.key)).toEqual([finder, other, later].map((a) => a.poolKey).sort());
  expect(await stateOf(finder.poolKey)).toMatchObject({ state: 'closed' });
  const [event, ...more] = await holdEvents();
  expect(event).toMatchObject({ pool: organization.key, data: { evidence: { account: finder.name } } });
  expect(more).toEqual([]);
});

test('found by two accounts at once it is one hold, reported once', async () => {
  const [one, two] = [member(), member()];
  const calls = [await inFlight(one), await inFlight(two), await inFlight(two)];
  for (const { answer } of calls) answer(SPENT);
  for (const { end } of calls) await expect(end).rejects.toMatchObject(stopped);
  expect(await holdEvents()).toHaveLength(1);
});

test('a limit of one account stops no other of its organization', async () => {
  const [one, two] = [member(), member()];
  await expect(call(one, { kind: 'billing', scope: 'account' })).rejects.toMatchObject({
    details: { pool: one.poolKey },
  });
  await call(two, OK);
  expect(await stateOf(organization.key)).toMatchObject({ state: 'closed' });
});

test('accounts that name no organization find it each for itself', async () => {
  const [one, two] = [outsider(), outsider()];
  await expect(call(one, SPENT)).rejects.toMatchObject({ details: { pool: one.poolKey } });
  await call(two, OK);
});

describe('one resume', () => {
  const resume = () => applyPoolEvent(db, organization.key, { type: 'resume' });

  test('lets a single call of all accounts probe, and its success frees all', async () => {
    const [one, two] = [member(), member()];
    await expect(call(one, SPENT)).rejects.toMatchObject(stopped);
    await resume();
    const probe = await inFlight(two);
    await expect(call(one, OK)).rejects.toMatchObject({
      details: { pool: organization.key, state: 'half_open' },
    });
    probe.answer(OK);
    await probe.end;
    await call(one, OK);
    expect(await stateOf(organization.key)).toMatchObject({ state: 'closed', reason: '' });
  });

  test('too early: the probe’s refusal holds all again, for one call', async () => {
    const [one, two] = [member(), member()];
    await expect(call(one, SPENT)).rejects.toMatchObject(stopped);
    await resume();
    const before = sent;
    await expect(call(two, SPENT)).rejects.toMatchObject(stopped);
    await expect(call(one, OK)).rejects.toMatchObject(stopped);
    expect(sent).toBe(before + 1);
  });

  test.each([
    ['before the probe', false],
    ['after the probe has freed all', true],
  ])('is not undone by an answer from before the hold that comes %s', async (_, probed) => {
    const [one, two] = [member(), member()];
    const old = await inFlight(one);
    await expect(call(two, SPENT)).rejects.toMatchObject(stopped);
    await resume();
    if (probed) await call(two, OK);
    old.answer(SPENT);
    await expect(old.end).rejects.toMatchObject({ name: 'PoolClosed' });
    await call(two, OK);
    expect(await stateOf(organization.key)).toMatchObject({ state: 'closed' });
  });

  test('a probe that learned something of its own account only lets another account probe', async () => {
    const [one, two] = [member(), member()];
    await expect(call(one, SPENT)).rejects.toMatchObject(stopped);
    await resume();
    await expect(call(one, { kind: 'billing', scope: 'account' })).rejects.toMatchObject({
      details: { pool: one.poolKey },
    });
    await call(two, OK);
    expect(await stateOf(organization.key)).toMatchObject({ state: 'closed' });
    expect(await stateOf(one.poolKey)).toMatchObject({ state: 'held' });
  });
});

test('a permit from before the hold whose call has not left is spent', async () => {
  const key = uniqueName('pool');
  await registerPool(db, key, organization.policy, organization);
  const [permit] = await takePermits(db, [{ pool: key, priority: 'background', charges: [] }], 40);
  if (!permit?.granted) throw new Error('no permit');
  const at = { key, epoch: permit.epoch, organizationEpoch: permit.organizationEpoch };
  expect(await restampPermit(db, [], permit.departAt, 5, at)).not.toBeNull();
  await applyPoolEvent(db, organization.key, { type: 'pause', reason: 'by hand', until: null });
  expect(await restampPermit(db, [], permit.departAt, 5, at)).toBeNull();
});

test('an account that leaves its organization in the settings is no longer stopped with it', async () => {
  const account = member();
  await expect(call(account, SPENT)).rejects.toMatchObject(stopped);
  const { organization: _, ...alone } = account;
  await call(alone, OK);
  expect(await poolsOf(db, organization.key)).toEqual([]);
});

describe('a quota that accounts share', () => {
  const USED_UP: Said = { kind: 'quota', statedWaitMs: 60_000, limit: null, scope: 'organization' };

  test('stops all of them until the stated time, and one probe frees them', async () => {
    const [one, two] = [member(), member()];
    const stranger = outsider();
    await call(two, OK);
    await expect(call(one, USED_UP)).rejects.toMatchObject({
      name: 'PoolClosed',
      details: { pool: organization.key, state: 'quota_paused', until: expect.any(Number) },
    });
    const before = sent;
    await expect(call(two, OK)).rejects.toMatchObject({ details: { pool: organization.key } });
    expect(sent).toBe(before);
    await call(stranger, OK);
    expect(await stateOf(one.poolKey)).toMatchObject({ state: 'closed' });
    // As it is a minute later.
    await db.query('update pools set until_ms = now_ms() where key = $1', [organization.key]);
    await applyPoolEvent(db, organization.key, { type: 'timer' });
    await call(two, OK);
    expect(await stateOf(organization.key)).toMatchObject({ state: 'closed' });
  });

  test('of one account stops no other', async () => {
    const [one, two] = [member(), member()];
    await expect(call(one, { ...USED_UP, scope: 'account' })).rejects.toMatchObject({
      details: { pool: one.poolKey },
    });
    await call(two, OK);
  });

  test('a client that is refused is so for all of them', async () => {
    const [one, two] = [member(), member()];
    await expect(call(one, { kind: 'blocked', scope: 'organization' })).rejects.toMatchObject({
      details: { pool: organization.key, reason: expect.stringContaining('refuses this client') },
    });
    await expect(call(two, OK)).rejects.toMatchObject({ ...stopped, details: { pool: organization.key } });
  });
});
