/** Looks for secrets in all that a lab has left behind: histories of workflows, log lines and rows. */
import type { Client } from '@temporalio/client';
import { TEST_ENV } from '../core-stack';
import type { Lab } from './lab';

/** What must be found in no trace, and what a leak of it is called. */
const SECRET_PATTERNS: readonly (readonly [string, RegExp])[] = [
  ['client secret', new RegExp(TEST_ENV.TEST_CLIENT_SECRET)],
  ['refresh token', /Atzr\|/],
  ['access token', /Atza\|/],
  ['signature of a document link', /X-Amz-Signature/i],
  ['vault key', new RegExp(TEST_ENV.SLUICE_VAULT_KEY.replace(/[+/=]/g, '\\$&'))],
];

/** Names of the leaks, with where each was found. */
export async function leaksOf(lab: Lab<string>): Promise<string[]> {
  const traces = await tracesOf(lab);
  const read = traces.filter(({ text }) => /encoding: (json\/plain|binary\/encrypted)/.test(text));
  if (read.length === 0) throw new Error('no history was read, so nothing could have been found in one');
  return SECRET_PATTERNS.flatMap(([what, pattern]) =>
    traces.filter(({ text }) => pattern.test(text)).map(({ where }) => `${what} in ${where}`),
  );
}

/** Everything that Temporal keeps of a workflow's present run, payloads as text. */
export async function historyText(client: Client, workflowId: string): Promise<string> {
  return textOf(await client.workflow.getHandle(workflowId).fetchHistory());
}

async function tracesOf(lab: Lab<string>): Promise<{ where: string; text: string }[]> {
  const traces = lab.logLines.map((text, i) => ({ where: `log line ${i}`, text }));
  for (const id of await lab.workflowIds())
    traces.push({ where: `history of ${id}`, text: await historyText(lab.client, id) });
  for (const table of [
    'events',
    'pools',
    'limits',
    'call_counts',
    'coverage',
    'rejected_documents',
    'series',
  ]) {
    const { rows } = await lab.db.query(`select to_jsonb(t) as row from ${table} t`);
    for (const { row } of rows) traces.push({ where: table, text: JSON.stringify(row) });
  }
  // The address of a document is kept while it is needed, in a column of its own.
  const { rows } = await lab.db.query(`select to_jsonb(j) - 'document_url' as row from jobs j`);
  for (const { row } of rows) traces.push({ where: 'jobs', text: JSON.stringify(row) });
  return traces;
}

/** Every string in a message of Temporal's, bytes read as text. Its own JSON would show bytes as base64. */
function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([key, part]) => `${key}: ${textOf(part)}`)
    .join('\n');
}
