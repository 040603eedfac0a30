import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { findTemporalBinary } from '../../../embedded/temporal/binary';
import { parseSettings } from '../../../settings';
import { generateKey, KeyRing } from '../../../store/secrets/keyring';
import { dataConverterFor, EncryptionCodec } from '../../../temporal/codec';
import { startCodecServer } from '../../../temporal/codec-server';
import { cliFor } from '../../support/cli';
import { temporaryFolder, testTemporal, uniqueName } from '../../support/stacks/embedded';

/** The history with everything that is only base64 decoded beside it. */
function readable(history: unknown): string {
  return JSON.stringify(history).replace(
    /"([A-Za-z0-9+/]{8,}={0,2})"/g,
    (whole, text: string) => `${whole} ${Buffer.from(text, 'base64').toString('latin1')}`,
  );
}

describe('encrypted payloads in Temporal', () => {
  const taskQueue = uniqueName('codec');
  const vaultKey = generateKey();
  let connection: Connection;
  let native: NativeConnection;
  let worker: Worker;
  let running: Promise<void>;
  let dataConverter: DataConverter;

  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const { address } = await testTemporal();
    const env = { SLUICE_VAULT_KEY: vaultKey };
    dataConverter = await dataConverterFor(parseSettings('', { file: null, baseDir: '/', env }), { env });
    connection = await Connection.connect({ address });
    native = await NativeConnection.connect({ address });
    worker = await Worker.create({
      connection: native,
      taskQueue,
      dataConverter,
      workflowsPath: require.resolve('../../support/echo-workflow'),
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
    return { workflowId, result, history, plain: plain.workflow.getHandle(workflowId) };
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

  test('are shown by the temporal command, and taken from it, when a codec server stands beside it', async () => {
    const { workflowId } = await run(false);
    const { address } = await testTemporal();
    const { path } = await findTemporalBinary({ log: () => undefined });
    const codec = new EncryptionCodec(KeyRing.parse(vaultKey));
    const server = await startCodecServer({
      codec,
      host: '127.0.0.1',
      port: 0,
      allowOrigins: [],
      token: null,
    });
    const own = ['--address', address, '--disable-config-file', '--disable-config-env'];
    const show = async (id: string, ...more: string[]) => {
      const args = ['workflow', 'show', '-w', id, '-o', 'json', ...own, ...more];
      return readable(JSON.parse((await promisify(execFile)(path, args)).stdout));
    };
    try {
      const endpoint = ['--codec-endpoint', server.url];
      expect(await show(workflowId)).not.toContain('hunter2');
      expect(await show(workflowId, ...endpoint)).toContain('hunter2 plain-signal');

      const started = uniqueName('echo');
      const input = ['--input', '{"text":"typed-in","fail":false}'];
      const what = ['--type', 'echo', '--task-queue', taskQueue, '-w', started];
      await promisify(execFile)(path, ['workflow', 'start', ...what, ...input, ...own, ...endpoint]);
      const client = new Client({ connection, dataConverter });
      await client.workflow.getHandle(started).signal('nudge', 'on');
      expect(await client.workflow.getHandle(started).result()).toBe('typed-in on');
      expect(await show(started)).not.toContain('typed-in');
    } finally {
      await server.close();
    }
  });
});

test('sluice codec-server refuses to show everything to everybody, and a token in the clear', async () => {
  const sluice = cliFor({
    ...{ databaseUrl: 'postgres://localhost/none', temporalAddress: '127.0.0.1:1' },
    ...{
      settingsFile: '',
      env: { SLUICE_VAULT_KEY: generateKey(), SLUICE_STATE_DIR: temporaryFolder('codec') },
    },
  });
  const [open, token, origin] = await Promise.all([
    sluice(['codec-server', '--host', '0.0.0.0']),
    sluice(['codec-server', '--token', 'let-me-in']),
    sluice(['codec-server', '--allow-origin', '*']),
  ]);
  expect(open).toMatchObject({ code: 2, err: expect.stringContaining('--host: 0.0.0.0 lets others read') });
  expect(token).toMatchObject({ code: 2, err: expect.stringContaining('--token: must be a reference') });
  expect(token.err).not.toContain('let-me-in');
  expect(origin).toMatchObject({ code: 2, err: expect.stringContaining('--allow-origin: "*" must be') });
});
