/**
 * Which keys still encrypt something: rows in Postgres, payloads in histories of open workflows, and the workers'
 * spool on this machine.
 */
import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import type { Pool } from 'pg';
import { spooledByKey } from '../../../activities/gateway/spool/spool';
import { listKeyUses } from '../../../store/secrets/key-uses';
import type { KeyRing } from '../../../store/secrets/keyring';
import type { EncryptionCodec } from '../../../temporal/codec';
import { type Execution, listExecutions } from '../../../temporal/executions';

export interface KeysInUse {
  readonly keyId: string;
  readonly vaultEntries: number;
  readonly tokens: number;
  /** Refresh tokens of persons' logins. */
  readonly grants: number;
  /** Answers and refusals that wait on this machine's disk to be stored. */
  readonly spooled: number;
  readonly openWorkflows: number;
  /** Schedules whose workflows' arguments are encrypted with it. */
  readonly schedules: number;
  /** A workflow or schedule whose payload names this key, and is not opened by it; null when all are. */
  readonly unreadable: string | null;
  /** One of these workflows, as an example. */
  readonly example: string | null;
}

const UNUSED = {
  ...{ vaultEntries: 0, tokens: 0, grants: 0, spooled: 0, openWorkflows: 0, schedules: 0 },
  unreadable: null,
  example: null,
};

const SEARCHES_AT_ONCE = 8;

/**
 * @param client null: histories and schedules are not searched.
 * @param ring when given, a payload of each key of each open workflow is decoded, too.
 */
export async function keysInUse(
  db: Pool,
  client: Client | null,
  spoolFolder: string,
  ring: KeyRing | null = null,
): Promise<readonly KeysInUse[]> {
  const uses = new Map<string, KeysInUse>();
  const add = (keyId: string, more: Partial<KeysInUse>) => {
    const known = uses.get(keyId) ?? { ...UNUSED, keyId };
    uses.set(keyId, {
      ...known,
      vaultEntries: known.vaultEntries + (more.vaultEntries ?? 0),
      tokens: known.tokens + (more.tokens ?? 0),
      grants: known.grants + (more.grants ?? 0),
      spooled: known.spooled + (more.spooled ?? 0),
      openWorkflows: known.openWorkflows + (more.openWorkflows ?? 0),
      schedules: known.schedules + (more.schedules ?? 0),
      unreadable: known.unreadable ?? more.unreadable ?? null,
      example: known.example ?? more.example ?? null,
    });
  };
  for (const { keyId, what, rows } of await listKeyUses(db)) add(keyId, { [what]: rows });
  for (const [keyId, spooled] of await spooledByKey(spoolFolder)) add(keyId, { spooled });
  if (client !== null) {
    const codec = ring === null ? null : await codecOf(ring);
    const note = async (name: string, payloads: Payloads, kind: 'openWorkflows' | 'schedules') => {
      for (const [key, payload] of payloads) {
        const opens = codec === null || !ring?.ids.includes(key) || (await isReadable(codec, payload));
        add(key, { [kind]: 1, example: name, unreadable: opens ? null : name });
      }
    };
    for await (const { name, payloads } of openWorkflows(client)) await note(name, payloads, 'openWorkflows');
    for await (const { name, payloads } of schedules(client)) await note(name, payloads, 'schedules');
  }
  return [...uses.values()];
}

/** One payload of each key, by the key's id. */
type Payloads = ReadonlyMap<string, Payload>;

interface Holder {
  readonly name: string;
  readonly payloads: Payloads;
}

/** Loaded when it is needed: most commands do without Temporal's wire format. */
async function codecOf(ring: KeyRing): Promise<EncryptionCodec> {
  const { EncryptionCodec } = await import('../../../temporal/codec.js');
  return new EncryptionCodec(ring);
}

async function isReadable(codec: EncryptionCodec, payload: Payload): Promise<boolean> {
  return codec.decode([payload]).then(
    () => true,
    () => false,
  );
}

async function* openWorkflows(client: Client): AsyncGenerator<Holder> {
  // The SDK's own list would decode memos, and fail for want of the very key that is searched for.
  let chunk: Execution[] = [];
  const search = (all: typeof chunk) =>
    Promise.all(all.map(async (one) => ({ name: one.workflowId, payloads: await payloadsOf(client, one) })));
  for await (const execution of listExecutions(client, "ExecutionStatus = 'Running'")) {
    chunk.push(execution);
    if (chunk.length < SEARCHES_AT_ONCE) continue;
    yield* await search(chunk);
    chunk = [];
  }
  yield* await search(chunk);
}

type ListedSchedules = Awaited<ReturnType<Client['workflowService']['listSchedules']>>;

/**
 * Of the whole history, and of what stands beside it: memo, search attributes, the details of activities under way. As the
 * server has them: nothing is decrypted, so a key that is not at hand is found as well.
 */
async function payloadsOf(client: Client, { workflowId, runId }: Execution): Promise<Payloads> {
  const execution = { workflowId, runId };
  const found = new Map<string, Payload>();
  const { namespace } = client.options;
  try {
    collect(await client.workflowService.describeWorkflowExecution({ namespace, execution }), found);
    let nextPageToken: Uint8Array | null = null;
    do {
      const page = await historyPage(client, execution, nextPageToken);
      for (const event of page.history?.events ?? []) collect(event, found);
      nextPageToken = page.nextPageToken ?? null;
    } while (nextPageToken !== null && nextPageToken.length > 0);
  } catch (error) {
    // It has ended meanwhile, and needs nothing any more.
    if ((error as { code?: number }).code !== NOT_FOUND) throw error;
  }
  return found;
}

function historyPage(
  client: Client,
  execution: Pick<Execution, 'workflowId' | 'runId'>,
  nextPageToken: Uint8Array | null,
) {
  const { namespace } = client.options;
  return client.workflowService.getWorkflowExecutionHistory({ namespace, execution, nextPageToken });
}

/** What the runs of each are started with. */
async function* schedules(client: Client): AsyncGenerator<Holder> {
  const { namespace } = client.options;
  let nextPageToken: Uint8Array | null = null;
  do {
    const page: ListedSchedules = await client.workflowService.listSchedules({ namespace, nextPageToken });
    for (const { scheduleId } of page.schedules ?? []) {
      if (scheduleId) yield { name: scheduleId, payloads: await scheduledPayloads(client, scheduleId) };
    }
    nextPageToken = page.nextPageToken ?? null;
  } while (nextPageToken !== null && nextPageToken.length > 0);
}

async function scheduledPayloads(client: Client, scheduleId: string): Promise<Payloads> {
  const found = new Map<string, Payload>();
  const { namespace } = client.options;
  try {
    collect(await client.workflowService.describeSchedule({ namespace, scheduleId }), found);
  } catch (error) {
    if ((error as { code?: number }).code !== NOT_FOUND) throw error;
  }
  return found;
}

const NOT_FOUND = 5;

function collect(value: unknown, found: Map<string, Payload>): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  const { metadata } = value as { metadata?: Record<string, unknown> };
  const id = metadata?.['encryption-key-id'];
  if (id instanceof Uint8Array) {
    const key = Buffer.from(id).toString('utf8');
    if (!found.has(key)) found.set(key, value as Payload);
  }
  for (const inner of Object.values(value)) collect(inner, found);
}

/** What needs a key, for people: `2 vault entries, 5 open workflows (e.g. pool:amazon/acme)`. */
export function useText(use: KeysInUse): string {
  const { vaultEntries, tokens, grants, spooled, openWorkflows, schedules: scheduled, example } = use;
  const named = (text: string) => `${text} (e.g. ${example})`;
  const counted = (n: number, one: string, many: string) => (n === 0 ? [] : [`${n} ${n === 1 ? one : many}`]);
  return [
    ...counted(vaultEntries, 'vault entry', 'vault entries'),
    ...counted(tokens, 'access token', 'access tokens'),
    ...counted(grants, 'login', 'logins'),
    ...counted(spooled, 'answer on disk', 'answers on disk'),
    ...counted(openWorkflows, 'open workflow', 'open workflows').map(named),
    ...counted(scheduled, 'schedule', 'schedules').map((text) => (openWorkflows === 0 ? named(text) : text)),
  ].join(', ');
}

/** The message for a person who has taken a key away too early. */
export function missingText(missing: readonly KeysInUse[]): string {
  const what = missing.map((use) => `key ${use.keyId} is needed by ${useText(use)}`).join('; ');
  return `${what}: put it back behind the newest in SLUICE_VAULT_KEY or the key file`;
}

/** What names a key that is at hand and is not opened by it, for people; empty when all is well. */
export function unreadableText(uses: readonly KeysInUse[]): string {
  return uses
    .filter(({ unreadable }) => unreadable !== null)
    .map(({ keyId, unreadable }) => `a payload of ${unreadable} names key ${keyId} and is not opened by it`)
    .join('; ');
}

/** Keys that something needs and that are not at hand; and those at hand, behind the newest, that something needs. */
export function sortKeys(
  uses: readonly KeysInUse[],
  keys: Pick<KeyRing, 'ids' | 'currentId'>,
): {
  readonly missing: readonly KeysInUse[];
  readonly older: readonly KeysInUse[];
  readonly idle: readonly string[];
} {
  const used = new Set(uses.map(({ keyId }) => keyId));
  return {
    missing: uses.filter(({ keyId }) => !keys.ids.includes(keyId)),
    older: uses.filter(({ keyId }) => keys.ids.includes(keyId) && keyId !== keys.currentId),
    idle: keys.ids.filter((id) => id !== keys.currentId && !used.has(id)),
  };
}
