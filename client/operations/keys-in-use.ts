/**
 * Which keys still encrypt something: rows in Postgres, payloads in the histories of open workflows, and what workers of
 * this machine hold on disk while Postgres is away.
 */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { spooledByKey } from '../../activities/gateway/spool';
import type { KeyRing } from '../../store/secrets/keyring';

export interface KeysInUse {
  readonly keyId: string;
  readonly vaultEntries: number;
  readonly tokens: number;
  /** Answers and refusals that wait on this machine's disk to be stored. */
  readonly spooled: number;
  readonly openWorkflows: number;
  /** One of these workflows, to look at. */
  readonly example: string | null;
}

const UNUSED = { vaultEntries: 0, tokens: 0, spooled: 0, openWorkflows: 0, example: null };

/** Events of each open workflow that are looked through: its input is in the first. */
const EVENTS_LOOKED_AT = 200;
const LOOKS_AT_ONCE = 8;

/** @param client null: histories are not looked at. */
export async function keysInUse(
  db: Pool,
  client: Client | null,
  spoolFolder: string,
): Promise<readonly KeysInUse[]> {
  const uses = new Map<string, KeysInUse>();
  const add = (keyId: string, more: Partial<KeysInUse>) => {
    const known = uses.get(keyId) ?? { ...UNUSED, keyId };
    uses.set(keyId, {
      ...known,
      vaultEntries: known.vaultEntries + (more.vaultEntries ?? 0),
      tokens: known.tokens + (more.tokens ?? 0),
      spooled: known.spooled + (more.spooled ?? 0),
      openWorkflows: known.openWorkflows + (more.openWorkflows ?? 0),
      example: known.example ?? more.example ?? null,
    });
  };
  const { rows } = await db.query<{ what: 'vaultEntries' | 'tokens'; key_id: string; n: number }>(
    `select 'vaultEntries' as what, key_id, count(*)::int as n from vault group by key_id
     union all
     select 'tokens', key_id, count(*)::int from tokens where key_id is not null group by key_id`,
  );
  for (const { what, key_id, n } of rows) add(key_id, { [what]: n });
  for (const [keyId, spooled] of await spooledByKey(spoolFolder)) add(keyId, { spooled });
  if (client !== null) {
    for await (const { workflowId, keys } of openHistories(client)) {
      for (const key of keys) add(key, { openWorkflows: 1, example: workflowId });
    }
  }
  return [...uses.values()];
}

async function* openHistories(client: Client): AsyncGenerator<{ workflowId: string; keys: Set<string> }> {
  let chunk: { workflowId: string; runId: string }[] = [];
  const look = (all: typeof chunk) =>
    Promise.all(all.map(async (one) => ({ workflowId: one.workflowId, keys: await keysOf(client, one) })));
  for await (const { workflowId, runId } of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    chunk.push({ workflowId, runId });
    if (chunk.length < LOOKS_AT_ONCE) continue;
    yield* await look(chunk);
    chunk = [];
  }
  yield* await look(chunk);
}

/** As the server has them: nothing is decrypted, so a key that is not at hand is found as well. */
async function keysOf(
  client: Client,
  execution: { readonly workflowId: string; readonly runId: string },
): Promise<Set<string>> {
  const keys = new Set<string>();
  try {
    const { history } = await client.workflowService.getWorkflowExecutionHistory({
      namespace: client.options.namespace,
      execution,
      maximumPageSize: EVENTS_LOOKED_AT,
    });
    for (const event of history?.events ?? []) collect(event, keys);
  } catch (error) {
    // It has ended meanwhile, and needs nothing any more.
    if ((error as { code?: number }).code !== NOT_FOUND) throw error;
  }
  return keys;
}

const NOT_FOUND = 5;

function collect(value: unknown, keys: Set<string>): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  const { metadata } = value as { metadata?: Record<string, unknown> };
  const id = metadata?.['encryption-key-id'];
  if (id instanceof Uint8Array) keys.add(Buffer.from(id).toString('utf8'));
  for (const inner of Object.values(value)) collect(inner, keys);
}

/** What needs a key, for people: `2 vault entries, 5 open workflows (e.g. pool:amazon/acme)`. */
export function useText({ vaultEntries, tokens, spooled, openWorkflows, example }: KeysInUse): string {
  const counted = (n: number, one: string, many: string) => (n === 0 ? [] : [`${n} ${n === 1 ? one : many}`]);
  return [
    ...counted(vaultEntries, 'vault entry', 'vault entries'),
    ...counted(tokens, 'access token', 'access tokens'),
    ...counted(spooled, 'answer on disk', 'answers on disk'),
    ...counted(openWorkflows, 'open workflow', 'open workflows').map((t) => `${t} (e.g. ${example})`),
  ].join(', ');
}

/** What a person is told who has taken a key away too early. */
export function missingText(missing: readonly KeysInUse[]): string {
  const what = missing.map((use) => `key ${use.keyId} is needed by ${useText(use)}`).join('; ');
  return `${what}: put it back behind the newest in SLUICE_VAULT_KEY or the key file`;
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
