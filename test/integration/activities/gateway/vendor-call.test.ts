/** What the gateway makes of a verdict, for the account's own calls, its logins, and calls for somebody else. */
import { CallFailed, PermitWait, PoolClosed } from '../../../../activities/gateway/call-errors';
import type { CallTerms } from '../../../../activities/gateway/call-terms';
import type { LimitTemplate } from '../../../../quota/limits/limit';
import type { CallableAccount } from '../../../../settings/accounts/accounts';
import { listEvents } from '../../../../store/events/events';
import { listLimits } from '../../../../store/permits/permits';
import { applyPoolEvent, readPool, registerPool } from '../../../../store/pools/pools';
import type { CallResult } from '../../../../vendors/contract';
import { BY_IP, failure, scriptedCalls } from '../../../support/scripted-calls';
import { answer, type Said, scriptedGateway, termsOf } from '../../../support/scripted-gateway';
import { STEADY_ZONE } from '../../../support/stacks/due-hours';
import { uniqueName } from '../../../support/stacks/embedded';

const { rig, newAccount, call } = scriptedCalls();
const OK: Said = { kind: 'ok' };

test('an account describes every call of its own, logins too', async () => {
  const account = newAccount();
  await call(termsOf(account, { operation: 'login', outsidePool: true }), OK);
  await call(termsOf(account, { attributes: { deviceId: '7' } }), OK);
  const { egressIp } = account.attributes ?? {};
  const own = { vendor: 'scripted', account: account.name, egressIp };
  expect(rig.scripted.callInfos.map((info) => info.attributes)).toEqual([own, { ...own, deviceId: '7' }]);
  const [limit] = await listLimits(rig.db, account.poolKey);
  expect(limit).toMatchObject({ key: `scripted/${egressIp}/ip-per-minute`, used: 2 });
});

describe('a reserve that background work runs into', () => {
  const daily = (scope: string): LimitTemplate => ({
    name: 'per-day',
    operations: '*',
    scope,
    unit: 'calls',
    window: { kind: 'calendar', count: 4, per: 'month', zone: STEADY_ZONE },
    reserve: { background: 0.5 },
    slackMs: 0,
    mode: 'enforce',
    source: 'test',
  });
  const reported = async (pool: string) =>
    (await listEvents(rig.db, { pool, limit: 100 })).filter((e) => e.kind === 'limit.reserve');

  test('is reported once a window, while there is something left for others', async () => {
    const account = rig.scripted.account(uniqueName('account'), [daily('{account}')]);
    const background = termsOf(account, { priority: 'background', inlineWaitMs: 0 });
    await call(background, OK);
    await call(background, OK);
    for (let i = 0; i < 3; i++) {
      expect(await failure(call(background, OK))).toMatchObject({ name: 'PermitWait' });
      // Another process, which has informed nobody yet.
      rig.scripted = scriptedGateway(rig.db);
    }
    const limit = `scripted/${account.name}/per-day`;
    expect((await reported(account.poolKey)).map((e) => e.data)).toEqual([
      { limit, priority: 'background', used: 2, capacity: 4, until: expect.any(Number) },
    ]);
    await call(termsOf(account), OK);
  });

  test('is not reported for each of many devices', async () => {
    const account = rig.scripted.account(uniqueName('account'), [daily('{account}/{deviceId}')]);
    const terms = termsOf(account, {
      priority: 'background',
      inlineWaitMs: 0,
      attributes: { deviceId: '7' },
    });
    await call(terms, OK);
    await call(terms, OK);
    await failure(call(terms, OK));
    expect(await reported(account.poolKey)).toEqual([]);
  });
});

describe('whether a request may have been carried out', () => {
  test.each([
    ['a connection that was refused', false],
    ['an answer that was lost', true],
  ])('after %s: %s', async (_, mayHaveBeenSent) => {
    const account = newAccount();
    const lost: CallResult = {
      kind: 'transport',
      error: { code: 'ECONNRESET', message: 'gone', mayHaveBeenSent },
    };
    const error = await failure(rig.scripted.gateway.call({ ...termsOf(account), send: async () => lost }));
    expect(error).toBeInstanceOf(CallFailed);
    expect(error).toMatchObject({ ambiguous: mayHaveBeenSent });
  });

  test('a call that gets no permit has not been sent', async () => {
    const account = newAccount();
    await call(termsOf(account), OK);
    await registerPool(rig.db, account.poolKey, account.pool);
    await applyPoolEvent(rig.db, account.poolKey, {
      type: 'pause',
      reason: 'paused by operator',
      until: null,
    });
    let sent = 0;
    const send = async () => {
      sent++;
      return answer(OK);
    };
    expect(await failure(rig.scripted.gateway.call({ ...termsOf(account), send }))).toBeInstanceOf(
      PoolClosed,
    );
    expect(sent).toBe(0);
  });
});

describe('a quota refusal that may be one device’s or the account’s', () => {
  const OF_DAY: LimitTemplate = {
    ...BY_IP,
    name: 'account-per-day',
    scope: '{account}',
    window: { kind: 'calendar', count: 40, per: 'day', zone: STEADY_ZONE },
  };
  const OF_DEVICE: LimitTemplate = {
    ...OF_DAY,
    name: 'device-per-day',
    operations: ['track'],
    scope: '{account}/{deviceId}',
    window: { kind: 'calendar', count: 5, per: 'day', zone: STEADY_ZONE },
  };
  const USED_UP: Said = {
    kind: 'quota',
    statedWaitMs: 3_600_000,
    limit: 'account-per-day',
    orLimit: 'device-per-day',
  };

  function setup(limits: readonly LimitTemplate[] = [OF_DAY, OF_DEVICE]) {
    const plain = newAccount();
    const account = { ...plain, limits, vendor: { ...plain.vendor, ambiguousQuota: true } };
    const track = (deviceId: string, said: Said, more: Partial<CallTerms> = {}) =>
      call(
        termsOf(account, { operation: 'track', attributes: { deviceId }, inlineWaitMs: 0, ...more }),
        said,
      );
    const state = async () => (await readPool(rig.db, account.poolKey))?.state.state;
    return { account, track, state };
  }
  /** As if the refusals so far had been noted then. */
  const aMinuteLater = ({ poolKey }: CallableAccount) =>
    rig.db.query('update quota_doubts set noted_at = noted_at - 61000 where pool = $1', [poolKey]);
  const key = (name: string, device: string) => `scripted/${name}/${device}/device-per-day`;

  test('spends that device’s calls of the day; every other call goes on', async () => {
    const { account, track, state } = setup();
    const refused = await failure(track('a', USED_UP));
    expect(refused).toBeInstanceOf(PermitWait);
    expect(refused).toMatchObject({ details: { limit: key(account.name, 'a') }, message: /8902.*until/ });
    expect(await failure(track('a', OK))).toMatchObject({ details: { limit: key(account.name, 'a') } });
    await track('b', OK);
    await call(termsOf(account), OK);
    expect(await state()).toBe('closed');
    const [device] = (await listLimits(rig.db, account.poolKey)).filter(({ key: k }) => k.includes('/a/'));
    expect(device).toMatchObject({ used: 5, left: 0 });
    const events = await listEvents(rig.db, { pool: account.poolKey, limit: 10 });
    expect(events.filter(({ kind }) => kind === 'limit.spent')).toMatchObject([
      { data: { limit: key(account.name, 'a'), code: '8902' } },
    ]);
  });

  test('device after device, as long as the account’s other calls are accepted', async () => {
    const { account, track, state } = setup();
    for (const device of ['a', 'b', 'c', 'd']) {
      expect(await failure(track(device, USED_UP))).toMatchObject({
        details: { limit: key(account.name, device) },
      });
      await call(termsOf(account), OK);
    }
    expect(await state()).toBe('closed');
  });

  test('closes the pool at the third device in a row, and lets others call before that', async () => {
    const { account, track, state } = setup();
    await failure(track('a', USED_UP));
    const second = await failure(track('b', USED_UP));
    expect(second).toMatchObject({ details: { limit: `scripted/${account.name}/account-per-day` } });
    // Whoever calls all the same before the others had their say learns no more.
    expect(await failure(track('c', USED_UP))).toBeInstanceOf(PermitWait);
    expect(await state()).toBe('closed');
    await aMinuteLater(account);
    expect(await failure(track('d', USED_UP))).toBeInstanceOf(PoolClosed);
    expect(await state()).toBe('quota_paused');
    expect(rig.scripted.callInfos).toHaveLength(4);
  });

  test('calls that were in flight together count as one refusal', async () => {
    const { account, track, state } = setup();
    await call(termsOf(account), OK);
    const left = ['a', 'b', 'c', 'd'];
    let release = (): void => undefined;
    const allSent = new Promise<void>((done) => {
      release = done;
    });
    const together = left.map((deviceId) =>
      failure(
        rig.scripted.gateway.call({
          ...termsOf(account, { operation: 'track', attributes: { deviceId } }),
          send: async () => {
            left.pop();
            if (left.length === 0) release();
            await allSent;
            return answer(USED_UP);
          },
        }),
      ),
    );
    for (const refused of await Promise.all(together)) {
      expect(refused).toMatchObject({ details: { limit: expect.stringContaining('device-per-day') } });
    }
    expect(await failure(track('e', USED_UP))).toMatchObject({
      details: { limit: expect.stringContaining('account-per-day') },
    });
    expect(await state()).toBe('closed');
  });

  test('closes the pool at the first refusal when any other call is refused too', async () => {
    const { account, track, state } = setup();
    await failure(track('a', USED_UP));
    await failure(call(termsOf(account), { ...USED_UP, orLimit: undefined }));
    expect(await state()).toBe('quota_paused');
  });

  test('closes the pool at the first when our own count of the account is at its end', async () => {
    const { track, state } = setup([
      { ...OF_DAY, window: { kind: 'calendar', count: 1, per: 'day', zone: STEADY_ZONE } },
      OF_DEVICE,
    ]);
    expect(await failure(track('a', USED_UP))).toBeInstanceOf(PoolClosed);
    expect(await state()).toBe('quota_paused');
  });

  test('where the device’s limit is not kept at all, it is the account’s', async () => {
    const { track, state } = setup([OF_DAY]);
    expect(await failure(track('a', USED_UP))).toBeInstanceOf(PoolClosed);
    expect(await state()).toBe('quota_paused');
  });

  test('a call that was accepted but had left before the refused one settles nothing', async () => {
    const { account, track, state } = setup();
    let release = (): void => undefined;
    const held = new Promise<void>((done) => {
      release = done;
    });
    const early = rig.scripted.gateway.call({
      ...termsOf(account),
      send: async () => {
        await held;
        return answer(OK);
      },
    });
    await call(termsOf(account), OK);
    await failure(track('a', USED_UP));
    await failure(track('b', USED_UP));
    release();
    await early;
    await aMinuteLater(account);
    await failure(track('c', USED_UP));
    expect(await state()).toBe('quota_paused');
  });
});
