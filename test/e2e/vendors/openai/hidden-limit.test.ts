/** A limit that is lower than what the headers say, found by refusals: judged at the vendor, call by call. */
import { Runtime } from '@temporalio/worker';
import { discoveriesOf, useOfRate } from '../../../../vendors/kit/judge/discoveries';
import { callsSeen } from '../../../support/callers/vendor-view';
import { longOr } from '../../../support/run/long';
import { type OpenAiStack, startOpenAiStack } from '../../../support/stacks/openai-stack';

const ITEMS = longOr(450, 150);
/** A second; a busy machine has to reach the true rate, or it discovers nothing. */
const ANNOUNCED = 8;
const TRUE = 0.7 * ANNOUNCED;

let stack: OpenAiStack | null = null;

afterAll(async () => {
  await stack?.close();
  await Runtime.instance().shutdown();
});

test('a limit lower than announced costs at most the calls in flight at each discovery, and few in all', async () => {
  stack = await startOpenAiStack({
    scenario: {
      requestsPerMinute: ANNOUNCED * 60,
      tokensPerMinute: 10_000_000,
      burstSeconds: 1,
      latencyMs: { min: 60, max: 400 },
      trueLimits: { requestsPerMinute: TRUE * 60 },
    },
    account: {
      concurrency: { min: 4, max: 100 },
      limits: {
        requests: { ratePerSecond: ANNOUNCED, burst: ANNOUNCED },
        tokens: { ratePerSecond: 160_000, burst: 160_000 },
      },
    },
  });
  await stack.startWorker();
  const { id } = await stack.load(ITEMS);
  const handle = await stack.run(id);
  expect(await handle.result()).toMatchObject({ items: ITEMS, done: ITEMS, failed: 0 });
  const calls = (await callsSeen(stack.simulator.url)).filter((c) => c.operation === 'createResponse');
  const refused = calls.filter((c) => c.status === 429);
  const discoveries = discoveriesOf(calls);
  expect(calls).toHaveLength(ITEMS + refused.length);
  expect(discoveries.length).toBeGreaterThanOrEqual(1);
  expect(discoveries.filter((d) => d.refused > d.inFlight)).toEqual([]);
  // Whoever believed the headers to the end would have had three calls in seven refused.
  expect(refused.length).toBeLessThan(ITEMS / 10);
  // On a busy machine calls leave later than they might.
  expect(useOfRate(calls, TRUE)).toBeGreaterThan(0.3);
});
