/** Recorded histories of workflows, as test/workflow/replay.test.ts replays them. */
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';

const FOLDER = join(__dirname, '..', 'workflow', 'histories');

/** Writes the history of a workflow into the folder. @param name of the file. */
export async function saveHistory(
  stack: { readonly client: Client },
  name: string,
  workflowId: string,
): Promise<void> {
  const history = await stack.client.workflow.getHandle(workflowId).fetchHistory();
  const events = (JSON.parse(historyToJSON(history)) as { events: unknown[] }).events;
  // One event a line, so that a change of a recording can be read.
  const lines = events.map((event) => JSON.stringify(anonymous(event)));
  writeFileSync(join(FOLDER, `${name}.json`), `{"events":[\n${lines.join(',\n')}\n]}\n`);
  process.stdout.write(`${name}: ${lines.length} events\n`);
}

/** Without what describes the machine and plays no part in a replay. */
function anonymous(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => anonymous(item));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, anonymous(v, k)]));
  }
  if (key === 'stackTrace') return '';
  if (key === 'identity') return 'worker';
  return typeof value === 'string' ? value.replaceAll(hostname(), 'host') : value;
}
