/**
 * Commands to devices, one row each. A command acts on the world, so a row shows at any moment whether it may have
 * left:
 *
 *   created ─▶ sending ─▶ succeeded | failed | unknown
 *      ▲          │  └──▶ queued ─▶ succeeded | failed | unknown   the vendor has it; its result is polled
 *      └──────────┘       it is certain that nothing was carried out
 *   created ─▶ cancelled | failed                                  it was never sent
 *
 * `sending` is committed before the request leaves and belongs to the attempt that wrote it. Whoever finds it there
 * from another attempt cannot know what became of it.
 */
import type { Pool } from 'pg';
import { jsonText } from '../storable';

export type CommandState =
  | 'created'
  | 'sending'
  | 'queued'
  | 'succeeded'
  | 'failed'
  | 'unknown'
  | 'cancelled';

export interface NewCommand {
  readonly account: string;
  /** The same again is the same command; null for a command of its own. */
  readonly requestId: string | null;
  readonly device: string;
  readonly code: string;
  /** Stored and shown as they are: no secrets. */
  readonly params: readonly string[];
  /** Sent twice it does no harm: an attempt whose outcome is unknown is repeated. */
  readonly repeatable: boolean;
  /** Longest wait for leave to send, and again for the result, ms. */
  readonly timeoutMs: number;
  /** Waits for a closed pool or a spent limit however long it takes, instead of failing. */
  readonly waitForPool: boolean;
  /** Who wanted it, for people. */
  readonly askedBy: string;
}

export interface CommandOutcome {
  readonly state: 'succeeded' | 'failed' | 'unknown' | 'cancelled';
  /** A stable code: `confirmed`, `offline`, `pool-closed`, … */
  readonly name: string;
  /** The vendor's own code; empty when it gave none. */
  readonly code: string;
  readonly message: string;
}

export interface Command extends NewCommand {
  readonly id: number;
  readonly state: CommandState;
  readonly attempts: number;
  /** Its time to be sent is over. */
  readonly overdue: boolean;
  /** Of the attempt that sends or sent it. */
  readonly owner: string | null;
  readonly vendorCommandId: string | null;
  readonly resultName: string | null;
  readonly resultCode: string | null;
  readonly resultMessage: string | null;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly sentAt: number | null;
  readonly endedAt: number | null;
}

/** A repeatable command that is not sent again may have been carried out by an attempt before. */
const honest = (state: string) =>
  `case when state = 'created' and maybe_sent then 'unknown' else ${state} end`;

const COLUMNS = `id, account, request_id as "requestId", device, code, params, repeatable, timeout_ms as "timeoutMs",
  wait_for_pool as "waitForPool", asked_by as "askedBy", state, attempts, owner,
  vendor_command_id as "vendorCommandId", result_name as "resultName", result_code as "resultCode",
  result_message as "resultMessage", created_at as "createdAt",
  not wait_for_pool and clock_timestamp() >= created_at + timeout_ms * interval '1 millisecond' as overdue, sent_at as "sentAt", ended_at as "endedAt"`;

/** Stores a command, or finds the account's one of the same `requestId`, whatever that one says. */
export async function createCommand(
  db: Pool,
  command: NewCommand,
): Promise<{ readonly command: Command; readonly created: boolean }> {
  const inserted = await db.query<Command>(
    `insert into commands (account, request_id, device, code, params, repeatable, timeout_ms, wait_for_pool, asked_by)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (account, request_id) do nothing returning ${COLUMNS}`,
    [
      command.account,
      command.requestId,
      command.device,
      command.code,
      jsonText(command.params),
      command.repeatable,
      command.timeoutMs,
      command.waitForPool,
      command.askedBy,
    ],
  );
  const [made] = inserted.rows;
  if (made) return { command: made, created: true };
  const found = await db.query<Command>(
    `select ${COLUMNS} from commands where account = $1 and request_id = $2`,
    [command.account, command.requestId],
  );
  const [known] = found.rows;
  if (!known)
    throw new Error(`command ${command.requestId} of ${command.account} vanished while it was made`);
  return { command: known, created: false };
}

export async function readCommand(db: Pool, id: number): Promise<Command | null> {
  const { rows } = await db.query<Command>(`select ${COLUMNS} from commands where id = $1`, [id]);
  return rows[0] ?? null;
}

/** @throws RangeError when there is no such command. */
export async function knownCommand(db: Pool, id: number): Promise<Command> {
  const command = await readCommand(db, id);
  if (!command) throw new RangeError(`there is no command ${id}`);
  return command;
}

/** Commands of this request id, of any account. */
export async function findCommands(db: Pool, requestId: string): Promise<Command[]> {
  const { rows } = await db.query<Command>(
    `select ${COLUMNS} from commands where request_id = $1 order by id`,
    [requestId],
  );
  return rows;
}

/** Newest first. */
export async function listCommands(
  db: Pool,
  filter: { readonly account?: string | undefined; readonly limit: number },
): Promise<Command[]> {
  const { rows } = await db.query<Command>(
    `select ${COLUMNS} from commands where $1::text is null or account = $1 order by created_at desc, id desc limit $2`,
    [filter.account ?? null, filter.limit],
  );
  return rows;
}

/**
 * To be committed before the request leaves. An attempt that sends a second time, because its first request was
 * refused, marks again. A command whose time is over is not sent: nobody expects it any more.
 * @returns false when the command must not leave, or not from this attempt.
 */
export async function markSending(db: Pool, id: number, owner: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `update commands set attempts = attempts + case when state = 'created' then 1 else 0 end,
       state = 'sending', owner = $2, sent_at = clock_timestamp()
     where id = $1 and (state = 'created' or (state = 'sending' and owner = $2))
       and (wait_for_pool or clock_timestamp() < created_at + timeout_ms * interval '1 millisecond')`,
    [id, owner],
  );
  return rowCount === 1;
}

/**
 * The command may be sent again.
 * @param owner the attempt that was sending it.
 * @param maybeSent true when this attempt may have been carried out; false when it is certain that it was not.
 */
export async function markUnsent(db: Pool, id: number, owner: string, maybeSent: boolean): Promise<void> {
  await db.query(
    `update commands set state = 'created', owner = null, maybe_sent = maybe_sent or $3
     where id = $1 and state = 'sending' and owner = $2`,
    [id, owner, maybeSent],
  );
}

/** A request that was marked and did not leave after all: as if it had not been marked. */
export async function unmarkSending(db: Pool, id: number, owner: string): Promise<void> {
  await db.query(
    `update commands set state = 'created', owner = null, attempts = attempts - 1,
       sent_at = case when attempts > 1 then sent_at end
     where id = $1 and state = 'sending' and owner = $2`,
    [id, owner],
  );
}

/** The vendor has taken it, with the id by which its result is polled. */
export async function markQueued(
  db: Pool,
  id: number,
  owner: string,
  vendorCommandId: string,
): Promise<Command> {
  await db.query(
    `update commands set state = case when state = 'sending' then 'queued' else state end, vendor_command_id = $3
     where id = $1 and state in ('sending', 'unknown') and owner = $2`,
    [id, owner, vendorCommandId],
  );
  return knownCommand(db, id);
}

/**
 * Stores what became of it, unless that is known already.
 * @param by the attempt that sent it: its outcome counts even when it was stored as unknown meanwhile. Null for
 * other callers, whose outcome counts for a command that no attempt is sending.
 * @returns the command as it is then.
 */
export async function endCommand(
  db: Pool,
  id: number,
  outcome: CommandOutcome,
  by: string | null,
): Promise<Command> {
  await db.query(
    `update commands set state = ${honest('$2')}, result_name = $3, result_code = $4, result_message = $5,
       ended_at = clock_timestamp()
     where id = $1 and case when $6::text is null then state in ('created', 'queued')
                            else state in ('sending', 'queued', 'unknown') and owner = $6 end`,
    [id, outcome.state, outcome.name, outcome.code, outcome.message, by],
  );
  return knownCommand(db, id);
}

/** Cancels a command that has not been sent. @returns the command as it is then. */
export async function cancelCommand(db: Pool, id: number, message: string): Promise<Command> {
  await db.query(
    `update commands set state = ${honest("'cancelled'")}, result_name = 'cancelled', result_code = '', result_message = $2,
       ended_at = clock_timestamp()
     where id = $1 and state = 'created'`,
    [id, message],
  );
  return knownCommand(db, id);
}

/**
 * Another attempt has died, or seems to have, while it was sending. A repeatable command is free to be sent again;
 * of any other the outcome is unknown.
 * @param dead the owner it was found with.
 */
export async function abandonAttempt(db: Pool, id: number, dead: string, message: string): Promise<void> {
  await db.query(
    `update commands set
       state = case when repeatable then 'created' else 'unknown' end,
       owner = case when repeatable then null else owner end, maybe_sent = true,
       result_name = case when repeatable then null else 'interrupted' end,
       result_code = case when repeatable then null else '' end,
       result_message = case when repeatable then null else $3 end,
       ended_at = case when repeatable then null else clock_timestamp() end
     where id = $1 and state = 'sending' and owner = $2`,
    [id, dead, message],
  );
}

/** What became of a command; null while that is open. */
export function outcomeOf(command: Command): CommandOutcome | null {
  const { state } = command;
  if (state === 'created' || state === 'sending' || state === 'queued') return null;
  return {
    state,
    name: command.resultName ?? '',
    code: command.resultCode ?? '',
    message: command.resultMessage ?? '',
  };
}
