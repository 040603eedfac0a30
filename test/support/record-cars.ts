/** Recordings of the workflows that keep cars: a login by device code, and polling. */
import { findAccount } from '../../settings/accounts/accounts';
import { createLogin, readLogin } from '../../store/secrets/logins';
import { startCarDataSimulator } from '../../vendors/bmw-cardata/simulator';
import type { deviceLogin } from '../../workflows/logins/device-login';
import {
  pauseSignal,
  poolWorkflowId,
  resumeSignal,
  type WorkStatus,
  workStatusQuery,
} from '../../workflows/messages';
import type { polling } from '../../workflows/polling/polling';
import type { quotaPool } from '../../workflows/pools/quota-pool';
import { eventually } from './eventually';
import { saveHistory } from './history-files';
import { startCore } from './stacks/core-stack';
import { uniqueName } from './stacks/embedded';

/**
 * A login whose code is entered after two polls, one of them lost on the way; and polling of a day of few calls, paused by an
 * operator, held by its pool, with a read that fails, until the day's calls are used up.
 */
export async function loginAndPolling(): Promise<void> {
  const account = uniqueName('cars');
  const quota = { dayMs: 3_600_000, callsPerDay: 12, window: 'rolling' } as const;
  const stack = await startCore({
    name: 'record-cars',
    env: {},
    startVendor: () =>
      startCarDataSimulator({
        login: { intervalSeconds: 0.5, approveAfterPolls: 3 },
        cars: 2,
        quota,
        faults: [
          { kind: 'status', operation: 'basic-data', status: 500 },
          { kind: 'status', operation: 'device-token', status: 500, count: 1 },
        ],
      }),
    settings: ({ url }) => ({
      accounts: {
        [account]: {
          ...{ vendor: 'bmw-cardata', baseUrl: url, loginUrl: url, clientId: 'client-of-the-recording' },
          ...{ quotaWindow: 'rolling', interactiveCalls: 10, polling: { night: { factor: 1 } } },
          limits: { 'calls-per-day': { ms: quota.dayMs, count: quota.callsPerDay } },
        },
      },
    }),
  });
  try {
    await stack.startWorker();
    const { taskQueue } = stack.settings.temporal;
    const { id } = await createLogin(stack.db, { account, kind: 'device-code', askedBy: 'a recording' });
    await stack.client.workflow.execute<typeof deviceLogin>('deviceLogin', {
      workflowId: 'device-login',
      taskQueue,
      args: [{ account, loginId: id }],
    });
    if ((await readLogin(stack.db, id))?.state !== 'done') throw new Error('the login did not end well');
    await saveHistory(stack, 'device-login-with-a-lost-poll', 'device-login');

    const handle = await stack.client.workflow.start<typeof polling>('polling', {
      workflowId: 'polling',
      taskQueue,
      args: [{ account }],
    });
    const phase = (wanted: WorkStatus['phase']) =>
      eventually(`it is ${wanted}`, async () => (await handle.query(workStatusQuery)).phase === wanted);
    const calls = (count: number) =>
      eventually(
        `${count} reads`,
        async () => ((await handle.query(workStatusQuery)).chunksDone ?? 0) >= count,
      );
    await calls(2);
    await handle.signal(pauseSignal, 'a look at the cars');
    await phase('paused');
    const key = `bmw-cardata/${account}`;
    const { pool: policy } = findAccount(stack.settings, account);
    const pool = stack.client.workflow.getHandle(poolWorkflowId(key));
    await stack.client.workflow.signalWithStart('quotaPool', {
      workflowId: pool.workflowId,
      taskQueue,
      args: [{ key, policy }] as Parameters<typeof quotaPool>,
      signal: pauseSignal,
      signalArgs: [{ reason: 'stocktaking' }],
    });
    await eventually('the pool is held', async () => {
      const { rows } = await stack.db.query('select 1 from pools where key = $1 and state = $2', [
        key,
        'held',
      ]);
      return rows.length > 0;
    });
    await handle.signal(resumeSignal);
    await phase('waiting for quota');
    await pool.signal(resumeSignal);
    await calls(4);
    await phase('sleeping');
    await saveHistory(stack, 'polling-with-pauses', 'polling');
    await handle.terminate();
  } finally {
    await stack.close();
  }
}
