/** Login with Amazon: tokens that expire, credentials that are refused, and the way back. */
import { resumeSignal } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import { leaksOf } from '../../../support/stacks/amazon-lab/leaks';
import { phaseOf } from '../../../support/stacks/amazon-lab/syncs';
import { lastHours } from '../../../support/stacks/due-hours';

const lab = Lab.start({
  accounts: { expired: {}, revoked: {}, unauthorised: {}, wrong: {} },
});
afterAll(async () => (await lab).close());

test('an access token that expires under many calls is refreshed once, and nothing else happens', async () => {
  const l = await lab;
  // Slow answers, so that several calls carry the old token.
  l.fault('expired', { kind: 'latency', operation: 'getReport', latencyMs: 150 });
  const span = lastHours(12);
  const work = await l.backfill('expired', span);
  await eventually('reports are asked about', () => l.calls('expired', 'getReport').length >= 6);
  expect(l.calls('expired', 'token')).toHaveLength(1);
  l.simulator.control({ expireAccessTokens: [l.account('expired')] });
  expect(await work.result()).toMatchObject({ chunks: 12, done: 12, failed: 0 });

  expect(l.calls('expired', 'token').map((c) => c.status)).toEqual([200, 200]);
  const refused = l.calls('expired').filter((c) => c.status === 403);
  expect(refused.length).toBeGreaterThanOrEqual(1);
  expect(await l.poolEventKinds('expired')).toEqual([]);
  expect(await l.pool('expired')).toMatchObject({ state: 'closed', failures: 0 });
  expect(l.reportsMade('expired')).toHaveLength(12);
});

test('refused credentials hold the account until there are new ones, which is noticed without an order', async () => {
  const l = await lab;
  l.simulator.control({ revokeRefreshTokens: [l.refreshToken('revoked')] });
  const span = lastHours(4);
  const work = await l.backfill('revoked', span);
  const held = await l.poolBecomes('revoked', 'held');
  // It looks again by itself, but long after this.
  expect(held.until).toBeGreaterThan(Date.now() + 10 * 60_000);
  expect(held.reason).toMatch(/^credentials refused: set new ones, then resume: .*invalid_grant/);
  await phaseOf(work, 'waiting for quota');
  expect(l.calls('revoked').map((c) => [c.operation, c.status])).toEqual([['token', 400]]);

  // Resumed too early: the vendor is asked once more, and the account is held again.
  const pool = l.poolWorkflow('revoked');
  await pool.signal(resumeSignal);
  await eventually('the vendor is asked again', () => l.calls('revoked').length >= 2);
  await eventually('held again', async () => {
    const state = await l.pool('revoked');
    return state.state === 'held' && state.epoch > held.epoch + 1 && state;
  });
  expect(l.calls('revoked').map((c) => c.operation)).toEqual(['token', 'token']);

  l.simulator.control({ restoreRefreshTokens: [l.refreshToken('revoked')] });
  await pool.signal(resumeSignal);
  expect(await work.result()).toMatchObject({ chunks: 4, done: 4, failed: 0 });
  expect(l.calls('revoked', 'token')).toHaveLength(3);
  expect(await l.pool('revoked')).toMatchObject({ state: 'closed' });
  expect(await l.data.rows('revoked', span)).toEqual(await l.data.truth('revoked', span));
});

test('a 403 that a new token does not cure holds an account that makes one kind of calls only', async () => {
  const l = await lab;
  const body = JSON.stringify({
    errors: [
      {
        code: 'Unauthorized',
        message: 'Access to requested resource is denied.',
        details: 'The role is missing.',
      },
    ],
  });
  l.fault('unauthorised', { id: 'role', kind: 'status', status: 403, operation: 'createReport', body });
  const work = await l.backfill('unauthorised', lastHours(4));
  const held = await l.poolBecomes('unauthorised', 'held');
  expect(held.reason).toMatch(/credentials refused.*403 Unauthorized.*The role is missing/);
  await phaseOf(work, 'waiting for quota');
  const refused = l.calls('unauthorised', 'createReport');
  // Two in flight, each once more with the new token.
  expect(refused.length).toBeLessThanOrEqual(4);
  expect(l.calls('unauthorised', 'token')).toHaveLength(2);
  // However many calls were refused, one thing has happened.
  expect(await l.poolEventKinds('unauthorised')).toEqual(['pool.held']);

  l.simulator.control({ clearFaults: ['role'] });
  await l.poolWorkflow('unauthorised').signal(resumeSignal);
  expect(await work.result()).toMatchObject({ done: 4, failed: 0 });
  expect(
    l
      .calls('unauthorised')
      .slice(refused.length + 2)
      .filter((c) => c.status === 403),
  ).toEqual([]);
});

test('a token that is expired again at once is no endless loop: the account is held', async () => {
  const l = await lab;
  const body = JSON.stringify({
    errors: [{ code: 'Unauthorized', message: 'The access token you provided has expired.', details: '' }],
  });
  l.fault('wrong', { id: 'expired', kind: 'status', status: 403, operation: 'createReport', body });
  const work = await l.backfill('wrong', lastHours(1));
  await l.poolBecomes('wrong', 'held');
  await phaseOf(work, 'waiting for quota');
  expect(l.calls('wrong').map((c) => c.operation)).toEqual([
    'token',
    'createReport',
    'token',
    'createReport',
  ]);
  l.simulator.control({ clearFaults: ['expired'] });
  await l.poolWorkflow('wrong').signal(resumeSignal);
  expect(await work.result()).toMatchObject({ done: 1, failed: 0 });
});

test('nothing secret is left anywhere', async () => {
  expect(await leaksOf(await lab)).toEqual([]);
});
