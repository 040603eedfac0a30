/** The workflow that keeps to the plan: one for each account. */
import { z } from 'zod';
import { isRunning, startOrAttach } from '../../../temporal/start-or-attach';
import { pollingWorkflowId } from '../../../workflows/messages';
import type { polling } from '../../../workflows/polling/polling';
import type { Backend } from '../backend/backend';
import { pauseWork, readWorks, resumeWork, stopWork, type WorkReport, workerPolls } from '../datasets/work';
import { problem } from '../errors';
import { noteOrder, type Order } from '../explain/orders';
import { name, reason } from '../fields';
import { workStatusJson } from '../json';
import { operation } from '../operation';
import { choosePolled, polledAccounts } from './accounts';

const chosen = { account: name.optional() };

export const startPolling = operation({
  about: "keep an account's vehicles fresh by the plan; one that runs goes on",
  input: z.strictObject(chosen),
  run: (backend, given) => {
    const { settings } = backend;
    const { name: account } = choosePolled(settings, given.account, undefined);
    const workflowId = pollingWorkflowId(account);
    return backend.temporal(async (client) => {
      const alreadyRan = await isRunning(client, workflowId);
      await startOrAttach<typeof polling>(client, 'polling', {
        workflowId,
        taskQueue: settings.temporal.taskQueue,
        staticSummary: `Polling of ${account}`,
        staticDetails: 'Reads what is planned, when it is planned. Signals: pause, resume.',
        args: [{ account }],
      });
      return { workflowId, alreadyRan, workerRuns: await workerPolls(client, settings.temporal.taskQueue) };
    });
  },
});

export const stopPolling = operation({
  about: 'end it; what was read stays',
  input: z.strictObject({ ...chosen, reason }),
  run: (backend, { reason: because, account }) =>
    steer(backend, account, async (client, id) => {
      await stopWork(client, id, because || 'stopped by operator');
    }),
});

export const pausePolling = operation({
  about: 'ask for nothing until it is resumed',
  input: z.strictObject({ ...chosen, reason }),
  run: (backend, { reason: because, account }) =>
    steer(backend, account, (client, id) => pauseWork(client, id, because), { reason: because }),
});

export const resumePolling = operation({
  about: 'go on',
  input: z.strictObject(chosen),
  run: (backend, { account }) => steer(backend, account, resumeWork, null),
});

async function steer(
  backend: Backend,
  given: string | undefined,
  act: typeof resumeWork,
  paused?: Order['paused'],
): Promise<{ readonly workflowId: string }> {
  const { name: account, poolKey: pool } = choosePolled(backend.settings, given, undefined);
  const workflowId = pollingWorkflowId(account);
  await backend.temporal(async (client) => {
    if (!(await isRunning(client, workflowId)))
      throw problem('NOT_RUNNING', null, `${workflowId} does not run`);
    await act(client, workflowId);
  });
  if (paused !== undefined) await noteOrder(backend, { subject: workflowId, pool, paused });
  return { workflowId };
}

export interface PollingReport extends WorkReport {
  readonly account: string;
}

export const listPolling = operation({
  about: 'every account that is polled, and what is next',
  input: z.strictObject({}),
  json: (reports: readonly PollingReport[]) =>
    reports.map(({ status, startedAt: _, ...rest }) => ({ ...rest, status: workStatusJson(status) })),
  run: async (backend): Promise<readonly PollingReport[]> => {
    const accounts = polledAccounts(backend.settings).map((account) => account.name);
    if (accounts.length === 0) return [];
    const { taskQueue } = backend.settings.temporal;
    const works = await backend.temporal((client) =>
      readWorks(client, taskQueue, accounts.map(pollingWorkflowId)),
    );
    return works.map((work, i) => ({ account: accounts[i] ?? '', ...work }));
  },
});
