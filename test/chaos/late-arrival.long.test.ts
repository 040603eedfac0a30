/**
 * A worker is taken for dead while its request is still on the way: whoever takes over must not look for the report,
 * find none, and ask for a second one, before the first request can no longer arrive.
 */
import { expectWholeAndOnce, finished, pastHours, startBackfill } from '../support/chaos/chaos-judge';
import { ChaosRig } from '../support/chaos/chaos-rig';
import { type DelayingProxy, startDelayingProxy } from '../support/network/delaying-proxy';

const WINDOWS = 3;
/** Within the twenty seconds for which its sender would have waited for the answer, however long a worker takes to start. */
const LATE_MS = 15_000;

let rig: ChaosRig;
let proxy: DelayingProxy;

beforeAll(async () => {
  proxy = await startDelayingProxy();
  rig = await ChaosRig.start({
    scenario: { reports: { queueMs: { min: 100, max: 300 }, processingMs: { min: 200, max: 800 } } },
    account: () => ({ baseUrl: proxy.url }),
    httpTimeoutMs: 20_000,
  });
  proxy.forwardTo(rig.simulatorUrl);
});

afterAll(async () => {
  await rig?.close();
  await proxy?.close();
});

test('a request that outlives its worker makes the only report of its window', async () => {
  const span = pastHours(WINDOWS * 6);
  proxy.holdNext('POST');
  await rig.startWorkers(1);
  await startBackfill(rig, span);
  await rig.eventually('a create call is on the way', () => proxy.held() === 1);
  const leftAt = Date.now();
  await rig.workers[0]?.kill();
  await rig.startWorkers(1);
  // The activity is given to the new worker when the old one has been silent for ten seconds; it arrives after that.
  proxy.releaseAfter(Math.max(0, leftAt + LATE_MS - Date.now()));
  expect(await finished(rig, 120_000)).toMatchObject({ chunks: WINDOWS, done: WINDOWS, failed: 0 });
  expect(proxy.held()).toBe(0);
  await expectWholeAndOnce(rig, span, WINDOWS);
}, 600_000);
