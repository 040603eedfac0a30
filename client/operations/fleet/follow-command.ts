/** Follows a command until its row says how it ended. What Temporal knows of it comes from the row as well. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Standstill } from '../../../quota/pools/standstill';
import { type Command, endCommand, knownCommand, outcomeOf } from '../../../store/commands/commands';
import type { Backend } from '../backend/backend';
import { type Context, withDatabase, withTemporal } from '../backend/context';
import { commandHold } from '../explain/subjects';

/** A worker says that a command has expired within this, ms. */
const EXPIRY_GRACE_MS = 3000;

const POLL_EVERY_MS = 250;
/** How often it is read what stands in its way. */
const HOLD_EVERY_MS = 1000;
/** Temporal is asked whether the workflow still runs. */
const ASK_EVERY_MS = 5000;
const ANSWER_MS = 3000;
/** A database that restarts is back within this, ms. */
const LOST_MS = 60_000;

export type Followed =
  | { readonly kind: 'ended'; readonly command: Command }
  /** The person does not want to wait any longer. */
  | { readonly kind: 'interrupted' }
  /** The database cannot be asked. */
  | { readonly kind: 'lost' }
  /** Its workflow was stopped from outside. */
  | { readonly kind: 'stopped'; readonly command: Command };

export interface CommandFollower {
  readonly interrupted: Promise<void>;
  readonly signal: AbortSignal;
  readonly onState: (command: Command) => void;
  readonly onWait: (wait: Standstill) => void;
}

type Handle = Pick<WorkflowHandle, 'client' | 'describe'>;

/** @param stored as it stood when it was started. */
export async function followCommand(
  context: Context,
  stored: Command,
  workflowId: string,
  follower: CommandFollower,
): Promise<Followed> {
  const follow = (db: Pool, client: Client | null) =>
    followRow(context, db, client?.workflow.getHandle(workflowId) ?? null, stored, follower);
  // Both look after a server that is away themselves: what has been sent has to be followed.
  const follows = async (db: Pool) => {
    let connected = false;
    const followHandle = (client: Client) => {
      connected = true;
      return follow(db, client);
    };
    try {
      return await withTemporal(context, followHandle, true);
    } catch (error) {
      if (connected) throw error;
      // Temporal has gone since the command was started: its row shows its outcome.
      return follow(db, null);
    }
  };
  return withDatabase(context, follows, 'work', true);
}

async function followRow(
  backend: Backend,
  db: Pool,
  handle: Handle | null,
  stored: Command,
  follower: CommandFollower,
): Promise<Followed> {
  const { id } = stored;
  const giveUpAt = performance.now() + stored.timeoutMs + EXPIRY_GRACE_MS;
  let shown: string = stored.state;
  let why = '';
  let seenAt = performance.now();
  let askAt = seenAt + ASK_EVERY_MS;
  let holdAt = seenAt + HOLD_EVERY_MS;
  for (;;) {
    await Promise.race([follower.interrupted, delay(POLL_EVERY_MS)]);
    if (follower.signal.aborted) return { kind: 'interrupted' };
    const asks = performance.now() > askAt;
    const stopped = asks && handle !== null && (await hasStopped(handle));
    if (asks) askAt = performance.now() + ASK_EVERY_MS;
    const now = await readStanding(db, id);
    if (now === null) {
      if (performance.now() - seenAt < LOST_MS) continue;
      return { kind: 'lost' };
    }
    seenAt = performance.now();
    if (outcomeOf(now) !== null) return { kind: 'ended', command: now };
    if (stopped) return { kind: 'stopped', command: now };
    if (now.state === 'created' && now.overdue && performance.now() > giveUpAt) {
      // No worker has come to say so.
      const message = 'no worker took it in time; it is not sent later';
      const expired = { state: 'failed', name: 'expired', code: '', message } as const;
      return { kind: 'ended', command: await endCommand(db, id, expired, null) };
    }
    if (now.state !== shown) follower.onState(now);
    shown = now.state;
    if (performance.now() < holdAt) continue;
    holdAt = performance.now() + HOLD_EVERY_MS;
    const hold = await commandHold(db, backend, now).catch(() => null);
    if (hold !== null && hold.why !== why) follower.onWait(hold);
    why = hold?.why ?? '';
  }
}

/** Whether nobody is at the command any more. A Temporal that cannot be asked now says nothing of that. */
async function hasStopped(handle: Handle): Promise<boolean> {
  try {
    // In time, and never asked again: a question that is open when the connection closes ends the process.
    const asked = handle.client.withDeadline(Date.now() + ANSWER_MS, () => handle.describe());
    return (await asked).status.name !== 'RUNNING';
  } catch {
    return false;
  }
}

/** The command as it stands; null while the database cannot be asked. */
async function readStanding(db: Pool, id: number): Promise<Command | null> {
  try {
    return await knownCommand(db, id);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return null;
  }
}
