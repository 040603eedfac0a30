/** A simulated fleet whose devices take commands, asked for as the workflow gets them. */
import { Runtime } from '@temporalio/worker';
import {
  type Command,
  type CommandOutcome,
  createCommand,
  knownCommand,
  type NewCommand,
} from '../../../store/commands/commands';
import type { command } from '../../../workflows/commands/command';
import { commandWorkflowId } from '../../../workflows/messages';
import { callsSeen } from '../callers/vendor-view';
import { type Gps51Stack, startGps51Stack } from './gps51-stack';

/** To be called once in a test file; `useStack` starts the servers, and whoever calls it closes them. */
export function commandStack() {
  const running = {} as { stack: Gps51Stack; device: string };

  afterAll(() => Runtime.instance().shutdown());

  async function simulated<T>(page: string): Promise<T> {
    return (await fetch(`${running.stack.simulator.url}/_sim/${page}`)).json() as Promise<T>;
  }

  async function useStack(options: Parameters<typeof startGps51Stack>[0] = {}): Promise<void> {
    running.stack = await startGps51Stack(options);
    running.device = (await simulated<{ id: string }[]>('devices'))[0]?.id ?? '';
  }

  async function ask(change: Partial<NewCommand> = {}) {
    const wanted: NewCommand = {
      account: running.stack.account,
      requestId: null,
      device: running.device,
      code: 'LOCATE',
      params: ['now'],
      repeatable: false,
      timeoutMs: 20_000,
      waitForPool: false,
      askedBy: 'a test',
      ...change,
    };
    const { command: made } = await createCommand(running.stack.db, wanted);
    return { handle: await start(made), id: made.id };
  }

  async function start(made: Command) {
    const { id, account, device: to, code, repeatable, timeoutMs, waitForPool } = made;
    return running.stack.client.workflow.start<typeof command>('command', {
      workflowId: commandWorkflowId(account, id),
      taskQueue: running.stack.settings.temporal.taskQueue,
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [{ commandId: id, account, device: to, code, repeatable, timeoutMs, waitForPool }],
    });
  }

  /** What became of a command that was asked for now, as the workflow and the row say it. */
  async function outcome(change: Partial<NewCommand> = {}): Promise<CommandOutcome & { id: number }> {
    const { handle, id } = await ask(change);
    const result = await handle.result();
    expect(await knownCommand(running.stack.db, id)).toMatchObject({
      state: result.state,
      resultName: result.name,
    });
    return { ...result, id };
  }

  /** How often the vendor has received commands of this code. */
  async function received(code = 'LOCATE'): Promise<number> {
    return (await simulated<{ commands: unknown[] }>(`commands?code=${code}`)).commands.length;
  }

  async function operations(): Promise<string[]> {
    return (await callsSeen(running.stack.simulator.url)).map((call) => call.operation);
  }

  return { running, useStack, ask, start, outcome, received, operations, simulated };
}
