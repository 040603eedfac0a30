/** A budget that is spent: whom it holds, what it costs, and what an operator sees of it. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Runtime } from '@temporalio/worker';
import { countItems } from '../../../../store/batches/items';
import { listEvents } from '../../../../store/events/events';
import { readPool } from '../../../../store/pools/pools';
import { poolStatusQuery, poolWorkflowId, resumeSignal } from '../../../../workflows/messages';
import { callsSeen } from '../../../support/callers/vendor-view';
import { type Cli, cliFor } from '../../../support/cli';
import { eventually } from '../../../support/eventually';
import { temporaryFolder, uniqueName } from '../../../support/stacks/embedded';
import { type OpenAiStack, startOpenAiStack } from '../../../support/stacks/openai-stack';

const MOST_IN_FLIGHT = 20;

let stack: OpenAiStack;
let otherPool: string;
let organization: string;

beforeEach(async () => {
  const name = uniqueName('org');
  organization = `openai/organization/${name}`;
  const account = { organization: name, concurrency: { min: 4, max: MOST_IN_FLIGHT } };
  stack = await startOpenAiStack({
    scenario: { latencyMs: { min: 50, max: 100 } },
    account,
    otherAccount: account,
  });
  otherPool = `openai/${stack.otherAccount}`;
  await stack.startWorker();
});

afterEach(() => stack.close());

afterAll(() => Runtime.instance().shutdown());

async function refusals(project: string) {
  const calls = await callsSeen(stack.simulator.url);
  return calls.filter((c) => c.account === project && c.status === 429);
}

const stateOf = async (pool: string) => (await readPool(stack.db, pool))?.state;

async function held(pool: string) {
  return eventually(`${pool} is held`, async () => {
    const state = await stateOf(pool);
    return state?.state === 'held' ? state : null;
  });
}

/** What was reported of a pool that is held. */
async function alerts(pool: string) {
  const events = await listEvents(stack.db, { pool, limit: 100 });
  return events.filter((e) => e.kind === 'pool.held');
}

async function attempts(batchId: number): Promise<number> {
  const { rows } = await stack.db.query<{ n: number }>(
    'select coalesce(sum(attempts), 0) as n from batch_items where batch_id = $1',
    [batchId],
  );
  return rows[0]?.n ?? Number.NaN;
}

async function someDone(batchId: number, n: number): Promise<void> {
  await eventually('some are done', async () => (await countItems(stack.db, batchId)).done > n);
}

function resume(pool: string): Promise<void> {
  return stack.client.workflow.getHandle(poolWorkflowId(pool)).signal(resumeSignal);
}

interface PoolJson {
  readonly pool: string;
  readonly state: string;
  readonly limits: readonly { name: string; blockedUntil: string | null; blockedReason: string }[];
}

function commandLine(): Cli {
  const settingsFile = join(temporaryFolder('settings'), 'sluice.yaml');
  writeFileSync(settingsFile, stack.settingsYaml);
  return cliFor({ ...stack, settingsFile });
}

async function json<T>(cli: Cli, args: readonly string[]): Promise<T> {
  const { code, out, err } = await cli([...args, '--json']);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as T;
}

test('a project’s spend limit holds that project until an operator resumes, and no other', async () => {
  const mine = await stack.load(300);
  const theirs = await stack.load(150, { account: stack.otherAccount });
  const [run, other] = await Promise.all([stack.run(mine.id), stack.run(theirs.id)]);
  await Promise.all([someDone(mine.id, 20), someDone(theirs.id, 20)]);
  stack.simulator.control({
    addErrors: [{ id: 'spent', code: 'project_spend_limit_exceeded', project: 'bios' }],
  });
  const state = await held(stack.pool);
  expect(state).toMatchObject({ until: null, evidence: { code: 'project_spend_limit_exceeded' } });
  expect(await other.result()).toMatchObject({ done: 150, failed: 0 });
  expect(await stateOf(otherPool)).toMatchObject({ state: 'closed' });
  expect(await refusals('other')).toEqual([]);

  // One alert, though many were on the way; no item has paid for it with an attempt.
  await eventually('nothing in flight', async () => (await countItems(stack.db, mine.id)).running === 0);
  const refused = (await refusals('bios')).length;
  expect(refused).toBeLessThanOrEqual(MOST_IN_FLIGHT);
  await delay(1000);
  expect(await refusals('bios')).toHaveLength(refused);
  expect(await alerts(stack.pool)).toHaveLength(1);
  expect(await alerts(otherPool)).toEqual([]);
  expect(await attempts(mine.id)).toBe(0);

  stack.simulator.control({ clearErrors: ['spent'] });
  await resume(stack.pool);
  expect(await run.result()).toMatchObject({ done: 300, failed: 0 });
  expect(await attempts(mine.id)).toBe(0);
});

test('an organization’s limit stops its other projects without a call of theirs; one resume frees all', async () => {
  const cli = commandLine();
  const mine = await stack.load(200);
  const run = await stack.run(mine.id);
  await someDone(mine.id, 10);
  stack.simulator.control({ addErrors: [{ id: 'spent', code: 'organization_spend_limit_exceeded' }] });
  await held(organization);

  const theirs = await stack.load(50, { account: stack.otherAccount });
  const other = await stack.run(theirs.id);
  const [row] = (await json<PoolJson[]>(cli, ['pools'])).filter(({ pool }) => pool === otherPool);
  expect(row).toMatchObject({
    ...{ state: 'held', until: null, reason: expect.stringContaining('organization_spend_limit_exceeded') },
    organization: { pool: organization, foundBy: stack.account, pools: [stack.pool, otherPool].sort() },
  });
  expect((await cli(['status'])).out).toContain(`found by account ${stack.account}`);
  // It sleeps: its workflow waits for the organization's.
  await eventually('the other project waits', async () => {
    const { waiting } = await stack.client.workflow
      .getHandle(poolWorkflowId(organization))
      .query(poolStatusQuery);
    return waiting.includes(other.workflowId);
  });
  expect(await refusals('other')).toEqual([]);
  expect(await alerts(organization)).toHaveLength(1);
  expect([...(await alerts(stack.pool)), ...(await alerts(otherPool))]).toEqual([]);

  stack.simulator.control({ clearErrors: ['spent'] });
  const resumed = await cli(['pool', 'resume', otherPool]);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.out).toContain(`${otherPool}: normal (it was not stopped)`);
  expect(resumed.out).toMatch(
    new RegExp(
      `${organization}: one call probes.*it stopped .*${stack.pool}.*found by account ${stack.account}`,
    ),
  );
  expect(await run.result()).toMatchObject({ done: 200, failed: 0 });
  expect(await other.result()).toMatchObject({ done: 50, failed: 0 });
  expect(await attempts(mine.id)).toBe(0);
  expect(await attempts(theirs.id)).toBe(0);
});

test('a wait of two days that the vendor has stated is shown, outlasts a resume, and is ended by name', async () => {
  const cli = commandLine();
  const waitMs = 2 * 24 * 3_600_000;
  stack.simulator.control({ addErrors: [{ id: 'wait', code: 'rate_limit_exceeded', waitMs, count: 1 }] });
  const mine = await stack.load(40);
  const run = await stack.run(mine.id, `batch:openai/bios:${stack.account}:${mine.id}`);
  const blocked = await eventually('the limit waits', async () => {
    const { limits = [] } = await json<PoolJson>(cli, ['pool', 'show', stack.account]);
    return limits.find(({ blockedUntil }) => blockedUntil !== null);
  });
  expect(blocked).toMatchObject({
    name: 'requests',
    blockedReason: expect.stringContaining('rate_limit_exceeded'),
  });
  expect(Date.parse(blocked.blockedUntil ?? '') - Date.now()).toBeGreaterThan(waitMs - 600_000);
  expect((await cli(['status'])).out).toMatch(/requests waits until .*, because 429 rate_limit_exceeded/);
  const resumed = await cli(['pool', 'resume', stack.account]);
  expect(resumed.out).toContain(`to end it: npx sluice pool unblock ${stack.pool}`);

  expect(await cli(['pool', 'unblock', stack.account, '--limit', 'request'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--limit: "request" is no limit of openai/'),
  });
  const ended = await cli([
    'pool',
    'unblock',
    stack.account,
    '--limit',
    'requests',
    '--reason',
    'they lifted it',
  ]);
  expect(ended).toMatchObject({ code: 0, out: expect.stringContaining('requests waits no more') });
  expect(await run.result()).toMatchObject({ done: 40, failed: 0 });
  const [event] = (await listEvents(stack.db, { pool: stack.pool, limit: 100 })).filter(
    ({ kind }) => kind === 'limit.unblocked',
  );
  expect(event?.data).toMatchObject({ by: expect.stringContaining('@'), reason: 'they lifted it' });
});
