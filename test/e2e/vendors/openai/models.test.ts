/** Limits that OpenAI keeps for each model, shared by some, counted in days, or made smaller in mid-run. */
import { Runtime } from '@temporalio/worker';
import { planFor } from '../../../../client/operations/batches/batch';
import { limitsSeen } from '../../../../client/operations/pools/limit-use';
import { readPoolReport } from '../../../../client/operations/pools/report';
import { findAccount } from '../../../../settings/accounts/accounts';
import { listLimits } from '../../../../store/permits/permits';
import { callsSeen } from '../../../support/callers/vendor-view';
import { type OpenAiStack, startOpenAiStack } from '../../../support/stacks/openai-stack';

let stack: OpenAiStack | null = null;

afterEach(async () => {
  await stack?.close();
  stack = null;
});

afterAll(() => Runtime.instance().shutdown());

const limitsOf = async (s: OpenAiStack, name: string) =>
  Object.fromEntries(
    (await listLimits(s.db, s.pool))
      .filter((l) => l.name === name)
      .map((l) => [l.key.split('/').at(-2), { limit: l.limit, rate: l.ratePerSecond, source: l.source }]),
  );

test('each model has buckets of its own, of the size that its answers announce; those that share have one', async () => {
  stack = await startOpenAiStack({
    scenario: {
      limitsPerModel: true,
      modelGroups: { four: ['gpt-4o', 'gpt-4o-mini'] },
      modelLimits: { 'gpt-4.1': { requestsPerMinute: 600 }, four: { requestsPerMinute: 1200 } },
      requestsPerMinute: 6000,
    },
    account: { modelGroups: { four: ['gpt-4o', 'gpt-4o-mini'] } },
  });
  await stack.startWorker();
  const models = ['gpt-4.1', 'gpt-4.1-mini', 'gpt-4o', 'gpt-4o-mini'];
  for (const model of models) {
    const { id } = await stack.load(30, { model });
    expect(await (await stack.run(id)).result()).toMatchObject({ done: 30, failed: 0 });
  }
  expect(await limitsOf(stack, 'requests')).toEqual({
    'gpt-4.1': { limit: 600, rate: 10, source: 'header' },
    'gpt-4.1-mini': { limit: 6000, rate: 100, source: 'header' },
    four: { limit: 1200, rate: 20, source: 'header' },
  });
  // Judged by the vendor, model by model.
  const seen = (await limitsSeen(stack.simulator.url)).filter((l) => l.limit === 'requests');
  expect(seen.map((l) => [l.scope.split('/').at(-1), l.arrivals, l.violations])).toEqual([
    ['gpt-4.1', 30, 0],
    ['gpt-4.1-mini', 30, 0],
    ['four', 60, 0],
  ]);
  const report = await readPoolReport(stack.db, stack.settings, stack.account, Date.now());
  expect(report.limits.filter((l) => l.name === 'requests')).toHaveLength(3);
  expect(report.quota.requests).not.toBeNull();
});

test('a limit that shrinks in mid-run is waited for as long as its new size says, not as what was used of the old', async () => {
  stack = await startOpenAiStack({
    scenario: {
      tokensPerMinute: 1_000_000,
      requestsPerMinute: 60_000,
      limitChanges: [{ afterMs: 4000, tokensPerMinute: 60_000 }],
      text: { outputTokens: { min: 100, max: 100 } },
    },
  });
  await stack.startWorker();
  const { id } = await stack.load(400);
  const began = Date.now();
  expect(await (await stack.run(id)).result()).toMatchObject({ done: 400, failed: 0 });
  // Far less than the minutes that half a million tokens of the old size would take at the new rate.
  expect(Date.now() - began).toBeLessThan(240_000);
  const refused = (await callsSeen(stack.simulator.url)).filter((c) => c.status === 429);
  expect(refused.length).toBeLessThan(40);
});

test("a day's number is read as a day's, and a plan made from it says days", async () => {
  stack = await startOpenAiStack({
    scenario: { requestsPerMinute: 200, requestsCountedPer: 'day' },
  });
  await stack.startWorker();
  const { id } = await stack.load(3);
  expect(await (await stack.run(id)).result()).toMatchObject({ done: 3 });
  const { 'gpt-4.1-mini': requests } = await limitsOf(stack, 'requests');
  expect(requests).toEqual({ limit: 200, rate: expect.closeTo(200 / 86_400, 8), source: 'header' });
  const account = findAccount(stack.settings, stack.account);
  const api = account.parts.texts;
  if (!api) throw new Error('no texts');
  const batch = {
    kind: 'openai/generate',
    model: 'gpt-4.1-mini',
    prompt: '{{x}}',
    inputName: 'x',
    options: { maxOutputTokens: 10 },
  };
  const plan = await planFor(
    stack.db,
    { account, api },
    { ...batch, priority: 'background' } as Parameters<typeof planFor>[2],
    { items: 1000, first: [], digest: '' } as unknown as Parameters<typeof planFor>[3],
    { min: 100, max: 200 },
    Date.now(),
  );
  expect(plan.binding).toBe('requests');
  expect(plan.ms / 86_400_000).toBeCloseTo((1000 - 197) / 200, 1);
});
