/**
 * Recorded histories replay against the workflows as they are now: whatever sleeps at a user's at this moment can be
 * woken by a worker of this version. test/support/record-histories.ts records them anew.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import pino from 'pino';
import { installTemporalRuntime } from '../../workers/worker';
import { workflowBundle } from '../support/processes/program';

const FOLDER = join(__dirname, 'histories');

beforeAll(() => {
  installTemporalRuntime(pino({ level: 'silent' }));
});

afterAll(() => Runtime.instance().shutdown());

function recorded(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8');
}

/** What a replay of the history fails with; undefined when it replays. */
async function replay(workflowId: string, json: string): Promise<Error | undefined> {
  const history = historyFromJSON(JSON.parse(json));
  const workflow = workflowBundle();
  for await (const result of Worker.runReplayHistories({ workflowBundle: workflow }, [
    { workflowId, history },
  ])) {
    return result.error;
  }
  throw new Error('nothing was replayed');
}

test.each(readdirSync(FOLDER))('%s', async (name) => {
  const json = recorded(name);
  expect(await replay(name, json)).toBeUndefined();
  // What names a machine or could be a secret has no place in a recording.
  expect(json).not.toMatch(/\/(?:home|work|tmp|Users)\/|Atz[ar]\||secret/i);
});

test('a history that the workflows would not have written is refused', async () => {
  const other = recorded('backfill-with-pause.json').replaceAll('"fetchReport"', '"downloadReport"');
  expect(await replay('changed', other)).toBeInstanceOf(DeterminismViolationError);
});
