import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { parseSettings } from '../../settings';
import { generateKey } from '../../store/keyring';
import { dataConverterFor } from '../../workers/codec';
import { testTemporal, uniqueName } from '../support/embedded';

/** The history with everything that is only base64 decoded beside it. */
function readable(history: unknown): string {
  return JSON.stringify(history).replace(
    /"([A-Za-z0-9+/]{8,}={0,2})"/g,
    (whole, text: string) => `${whole} ${Buffer.from(text, 'base64').toString('latin1')}`,
  );
}

describe('encrypted payloads in Temporal', () => {
  const taskQueue = uniqueName('codec');
  let connection: Connection;
  let native: NativeConnection;
  let worker: Worker;
  let running: Promise<void>;
  let dataConverter: DataConverter;

  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const { address } = await testTemporal();
    const env = { SLUICE_VAULT_KEY: generateKey() };
    dataConverter = await dataConverterFor(parseSettings('', { file: null, baseDir: '/', env }), { env });
    connection = await Connection.connect({ address });
    native = await NativeConnection.connect({ address });
    worker = await Worker.create({
      connection: native,
      taskQueue,
      dataConverter,
      workflowsPath: require.resolve('../support/echo-workflow'),
    });
    running = worker.run();
  });

  afterAll(async () => {
    worker.shutdown();
    await running;
    await native.close();
    await connection.close();
    await Runtime.instance().shutdown();
  });

  /** Starts with the keys, and signals without them, as the plain CLI would. */
  async function run(fail: boolean) {
    const client = new Client({ connection, dataConverter });
    const plain = new Client({ connection });
    const workflowId = uniqueName('echo');
    const handle = await client.workflow.start('echo', {
      taskQueue,
      workflowId,
      args: [{ text: 'hunter2', fail }],
    });
    await plain.workflow.getHandle(workflowId).signal('nudge', 'plain-signal');
    const result = await handle.result().catch((error: unknown) => error);
    const history = readable(await plain.workflow.getHandle(workflowId).fetchHistory());
    return { result, history, plain: plain.workflow.getHandle(workflowId) };
  }

  test('are read by those who have the key, and the history holds nothing of them', async () => {
    const { result, history } = await run(false);
    expect(result).toBe('hunter2 plain-signal');
    expect(history).not.toContain('hunter2');
    expect(history).toContain('binary/encrypted');
    expect(history).toContain('plain-signal');
  });

  test('keep messages and stacks of failures unreadable too', async () => {
    const { result, history, plain } = await run(true);
    expect(result).toBeInstanceOf(WorkflowFailedError);
    expect((result as WorkflowFailedError).cause?.message).toBe('failed with hunter2');
    expect(history).not.toContain('hunter2');
    expect(history).toContain('Encoded failure');
    const unread = await plain.result().catch((error: unknown) => error);
    expect(JSON.stringify(unread)).not.toContain('hunter2');
  });
});
