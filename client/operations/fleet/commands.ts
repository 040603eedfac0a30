/** The life of a device command as use cases need it: stored, started, found again, cancelled. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Settings } from '../../../settings';
import {
  type Command,
  cancelCommand,
  createCommand,
  endCommand,
  findCommands,
  type NewCommand,
  readCommand,
} from '../../../store/commands/commands';
import { listDevices } from '../../../store/fleet/fleet';
import { storedVehicles } from '../../../store/reads/vehicles';
import { isRunning, startOrAttach } from '../../../temporal/start-or-attach';
import type { command } from '../../../workflows/commands/command';
import { cancelSignal, commandWorkflowId } from '../../../workflows/messages';
import type { Backend } from '../backend/backend';
import { invalid, messageOf, problem } from '../errors';
import { hint } from '../hints';

/** Result of a command that Temporal did not take. */
const NOT_STARTED = 'not-started';

/** @throws OperationError when the vendor's list of devices is known and this one is not on it. */
export async function checkDevice(db: Pool, account: string, device: string): Promise<void> {
  const devices = (await listDevices(db, account)).map(({ deviceId }) => deviceId);
  const vehicles = (await storedVehicles(db, [account])).map(({ vehicleId }) => vehicleId);
  const known = [...new Set([...devices, ...vehicles])];
  if (known.length === 0 || known.includes(device)) return;
  const nearest = nearestOf(device, known);
  const hint = nearest === null ? '' : `; did you mean ${nearest}?`;
  throw invalid(
    'device',
    `"${device}" is not among the ${known.length} devices of account ${account}${hint} (\`unlisted\` sends to it all the same)`,
    'UNKNOWN_NAME',
  );
}

/** The most similar text; null when none is similar. */
function nearestOf(text: string, among: readonly string[]): string | null {
  let best: { readonly text: string; readonly distance: number } | null = null;
  for (const candidate of among) {
    const distance = editDistance(text.toLowerCase(), candidate.toLowerCase());
    if (best === null || distance < best.distance) best = { text: candidate, distance };
  }
  return best !== null && best.distance <= Math.max(1, Math.floor(text.length / 3)) ? best.text : null;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/**
 * Stores the command, or finds the one of the same request id.
 * @throws OperationError when that one is another command.
 */
export async function storeCommand(db: Pool, wanted: NewCommand): Promise<Command> {
  const { command: stored, created } = await createCommand(db, wanted);
  const asked = [wanted.device, wanted.code, wanted.params];
  const known = [stored.device, stored.code, stored.params];
  if (created || JSON.stringify(asked) === JSON.stringify(known)) return stored;
  throw invalid(
    'id',
    `"${wanted.requestId}" is command ${stored.id}, another one (${stored.code} to ${stored.device}); give a new id`,
    'ID_TAKEN',
  );
}

/**
 * Starts the command's workflow, or finds the one that runs. A command that could not be started is not sent later; one
 * that Temporal took although its answer was lost goes on.
 * @param resultMs longest wait for the result; without it, as long as the vendor works on a command.
 */
export async function startCommand(
  client: Client,
  db: Pool,
  settings: Settings,
  started: Command,
  resultMs?: number,
): Promise<WorkflowHandle<typeof command>> {
  const { id, account, device, code, repeatable, timeoutMs, waitForPool } = started;
  const workflowId = commandWorkflowId(account, id);
  try {
    return await startOrAttach<typeof command>(client, 'command', {
      workflowId,
      taskQueue: settings.temporal.taskQueue,
      staticSummary: `Command ${id}: ${code} to ${device} of ${account}`,
      args: [
        {
          ...{ commandId: id, account, device, code, repeatable, timeoutMs, waitForPool },
          ...(resultMs === undefined ? {} : { resultMs }),
        },
      ],
    });
  } catch (error) {
    const message = `Temporal did not take it: ${messageOf(error)}`;
    const failed = { state: 'failed', name: NOT_STARTED, code: '', message } as const;
    const after = await endCommand(db, id, failed, null);
    if (after.resultName === NOT_STARTED)
      throw problem('TEMPORAL_UNAVAILABLE', null, `command ${id} was not sent: ${message}`);
    return client.workflow.getHandle<typeof command>(workflowId);
  }
}

/** `12`, `#12`, or the id it was asked for with. @throws OperationError when there is none or several. */
export async function chooseStored(db: Pool, text: string): Promise<Command> {
  const id = Number(/^#?(\d{1,15})$/.exec(text)?.[1] ?? Number.NaN);
  const byNumber = Number.isSafeInteger(id) ? await readCommand(db, id) : null;
  const found = byNumber ? [byNumber] : await findCommands(db, text);
  const [only] = found;
  if (only === undefined) {
    throw problem(
      'NOT_FOUND',
      'command',
      `there is no command "${text}" (${hint('command list')} shows the latest)`,
    );
  }
  if (found.length === 1) return only;
  const numbers = found.map((c) => `${c.id} (${c.account})`).join(', ');
  throw problem('NOT_FOUND', 'command', `"${text}" is the id of several commands: give one of ${numbers}`);
}

/**
 * Calls a command back that has not been sent. Its row is what keeps it from being sent: where Temporal cannot be asked,
 * its workflow finds that there when it goes on.
 * @returns it as it stands then.
 */
export async function cancel(
  { temporal }: Pick<Backend, 'temporal'>,
  db: Pool,
  stored: Command,
  reason: string,
): Promise<Command> {
  const after = await cancelCommand(db, stored.id, reason);
  if (after.state !== 'cancelled') return after;
  const workflowId = commandWorkflowId(stored.account, stored.id);
  const tell = async (client: Client) => {
    if (!(await isRunning(client, workflowId))) return;
    await client.workflow.getHandle(workflowId).signal(cancelSignal, { reason });
  };
  await temporal(tell).catch(() => undefined);
  return after;
}
