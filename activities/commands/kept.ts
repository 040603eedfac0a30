/**
 * Keeps the outcome of a command while Postgres is down: in memory, then on disk as well, and stored once. Each change
 * is made by the attempt that sent the command, and wins over what others have concluded meanwhile.
 */
import type { Pool } from 'pg';
import {
  type Command,
  type CommandOutcome,
  endCommand,
  knownCommand,
  markQueued,
  markUnsent,
  unmarkSending,
} from '../../store/commands/commands';
import { held, type KeepDeps } from '../gateway/spool/held';

/** Its kind among spooled entries. */
export const COMMAND_FATE = 'command-fate';

export type CommandFate = { readonly id: number } & (
  | { readonly kind: 'ended'; readonly outcome: CommandOutcome; readonly owner: string | null }
  | { readonly kind: 'queued'; readonly owner: string; readonly vendorCommandId: string }
  | { readonly kind: 'unsent'; readonly owner: string; readonly maybeSent: boolean }
  /** Marked as being sent, and it did not leave. */
  | { readonly kind: 'unmarked'; readonly owner: string }
);

/** @returns the command as it stands then. @throws what Postgres says, once the fate is on disk or given up. */
export function keepFate({ db, spool, stopping }: KeepDeps, fate: CommandFate): Promise<Command> {
  return held(() => storeFate(db, fate), {
    spool: spool && { to: spool, kind: COMMAND_FATE, data: fate },
    stopping,
  });
}

/** Stored twice it changes nothing: an outcome that is there already stays. */
export async function storeFate(db: Pool, fate: CommandFate): Promise<Command> {
  const { id } = fate;
  switch (fate.kind) {
    case 'ended':
      return endCommand(db, id, fate.outcome, fate.owner);
    case 'queued':
      return markQueued(db, id, fate.owner, fate.vendorCommandId);
    case 'unsent':
      await markUnsent(db, id, fate.owner, fate.maybeSent);
      break;
    case 'unmarked':
      await unmarkSending(db, id, fate.owner);
  }
  return knownCommand(db, id);
}
