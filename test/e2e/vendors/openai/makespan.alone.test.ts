/**
 * A batch at the full rate, judged at the vendor: the short form of `bench/openai.ts`, with limits and latencies that
 * are scaled down. A machine that is busy with other things may cost time, and gets three attempts at the speed; what
 * is refused is refused by our doing.
 */
import { Runtime } from '@temporalio/worker';
import { type CallSeen, useOfRate } from '../../../../vendors/kit/judge/discoveries';
import { callsSeen } from '../../../support/callers/vendor-view';
import { longOr } from '../../../support/run/long';
import { Processors } from '../../../support/run/processors';
import { type OpenAiStack, startOpenAiStack } from '../../../support/stacks/openai-stack';

const ITEMS = longOr(1500, 700);
const RATE = 60;
/** Calls at the beginning, while the number of calls in flight grows. */
const RAMP = 200;

let stack: OpenAiStack | null = null;

afterEach(async () => {
  await stack?.close();
  stack = null;
});

afterAll(() => Runtime.instance().shutdown());

function startStack(): Promise<OpenAiStack> {
  return startOpenAiStack({
    scenario: {
      requestsPerMinute: RATE * 60,
      tokensPerMinute: 10_000_000,
      burstSeconds: 1,
      latencyMs: { min: 60, max: 400 },
    },
    account: {
      concurrency: { min: 4, max: 100 },
      limits: {
        requests: { ratePerSecond: RATE, burst: RATE },
        tokens: { ratePerSecond: 160_000, burst: 160_000 },
      },
    },
  });
}

/** Runs a batch to its end and hands back the calls that the vendor saw of it, oldest first. */
async function runBatch({ simulator, load, run }: OpenAiStack): Promise<readonly CallSeen[]> {
  const { id } = await load(ITEMS);
  const before = (await callsSeen(simulator.url)).length;
  const handle = await run(id);
  expect(await handle.result()).toMatchObject({ items: ITEMS, done: ITEMS, failed: 0 });
  const calls = await callsSeen(simulator.url);
  return calls.slice(before).filter((c) => c.operation === 'createResponse');
}

test('a batch uses the rate that there is, and not one call is refused', async () => {
  stack = await startStack();
  await stack.startWorker();
  const processors = new Processors();
  const uses: number[] = [];
  for (let attempt = 0; attempt < 3 && !uses.some((use) => use >= 0.95); attempt++) {
    const calls = await runBatch(stack);
    expect(calls.filter((c) => c.status !== 200)).toEqual([]);
    expect(calls).toHaveLength(ITEMS);
    uses.push(useOfRate(calls, RATE, RAMP));
  }
  expect(Math.max(...uses)).toBeGreaterThanOrEqual(processors.leastUse());
});
