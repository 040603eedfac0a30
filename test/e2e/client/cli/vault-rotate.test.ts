/** `sluice vault rotate` from the first key to the day on which it can be taken away. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import type { Pool } from 'pg';
import pino from 'pino';
import { Spool } from '../../../../activities/gateway/spool/spool';
import { parseSettings } from '../../../../settings';
import { createPool } from '../../../../store/db';
import { generateKey, KeyRing } from '../../../../store/secrets/keyring';
import { TokenStore } from '../../../../store/secrets/tokens';
import { Vault } from '../../../../store/secrets/vault';
import { dataConverterFor } from '../../../../temporal/codec';
import { type Cli, cliFor } from '../../../support/cli';
import { eventually } from '../../../support/eventually';
import {
  type TestDatabase,
  temporaryFolder,
  testDatabase,
  testTemporal,
  uniqueName,
} from '../../../support/stacks/embedded';

const old = generateKey();
const newer = generateKey();
const both = `${newer}\n${old}`;
const OLD = KeyRing.parse(old).currentId;
const NEW = KeyRing.parse(newer).currentId;
const TOKEN = { account: 'own', fingerprint: 'f1' };
const spoolFolder = join(temporaryFolder('rotate'), 'spool');

let database: TestDatabase;
let db: Pool;
let connection: Connection;
let cli: Cli;

beforeAll(async () => {
  const [made, { address }] = await Promise.all([testDatabase(), testTemporal()]);
  database = made;
  db = createPool(database.url);
  connection = await Connection.connect({ address });
  const settingsFile = join(temporaryFolder('rotate'), 'sluice.yaml');
  writeFileSync(settingsFile, `temporal: { taskQueue: ${uniqueName('rotate')} }\n`);
  cli = cliFor({
    databaseUrl: database.url,
    temporalAddress: address,
    settingsFile,
    env: { SLUICE_SPOOL_DIR: spoolFolder },
  });
});

afterAll(async () => {
  await connection.close();
  await db.end();
  await database.drop();
});

const sluice = (key: string, args: readonly string[], input = '') =>
  cli(args, input, { SLUICE_VAULT_KEY: key });

function spoolOf(key: string, identity: string, stored: unknown[] = []): Spool {
  const log = pino({ level: 'silent' });
  const spool = new Spool({
    root: spoolFolder,
    keys: KeyRing.parse(key),
    log,
    identity,
    hasEnded: () => true,
  });
  spool.on('answer', async (data) => {
    stored.push(data);
  });
  return spool;
}

async function storeToken(key: string, accessToken: string): Promise<void> {
  const store = new TokenStore(db, KeyRing.parse(key));
  const claim = await store.claimRefresh({ key: TOKEN, seenVersion: 0, leaseMs: 60_000, owner: 'test' });
  if (claim.kind !== 'refresh') throw new Error(`no lease, but ${claim.kind}`);
  await store.storeToken(TOKEN, claim, { accessToken, expiresInMs: 3_600_000 });
}

async function clientWith(key: string): Promise<Client> {
  const env = { SLUICE_VAULT_KEY: key };
  const dataConverter = await dataConverterFor(parseSettings('', { file: null, baseDir: '/', env }), { env });
  return new Client({ connection, dataConverter });
}

async function startWorkflow(key: string): Promise<string> {
  const workflowId = uniqueName('rotate');
  await (await clientWith(key)).workflow.start('echo', {
    args: [{ text: 'x', fail: false }],
    taskQueue: uniqueName('nobody'),
    workflowId,
  });
  return workflowId;
}

test('everything is encrypted with the new key, and the old one is required until nothing needs it', async () => {
  expect(await sluice(old, ['vault', 'put', 'own/secret'], 'value\n')).toMatchObject({ code: 0 });
  await storeToken(old, 'token-of-the-old');
  await spoolOf(old, 'dead').put('answer', { n: 1 });
  const workflowId = await startWorkflow(old);

  // The old key taken away too early: nothing is changed, and what needs it is named.
  const early = await sluice(newer, ['vault', 'rotate']);
  expect(early).toMatchObject({ code: 1, out: '' });
  expect(early.err).toContain(`vault entry "own/secret" was encrypted with key ${OLD}`);
  expect(await new Vault(db, KeyRing.parse(old)).get('own/secret')).toBe('value');
  expect((await sluice(newer, ['doctor'])).out).toContain(
    `key ${OLD} is needed by 1 vault entry, 1 access token, 1 answer on disk, 1 open workflow (e.g. ${workflowId})`,
  );

  const rotated = await sluice(both, ['vault', 'rotate']);
  expect(rotated.out).toContain(`1 entry encrypted again with key ${NEW}; 1 access token dropped`);
  expect(rotated.out).toContain(
    `key ${OLD} has to stay behind the new one: 1 answer on disk, 1 open workflow (e.g. ${workflowId})`,
  );
  expect(rotated.out).not.toContain('it can be taken away');
  expect(await new Vault(db, KeyRing.parse(newer)).get('own/secret')).toBe('value');

  // Taken away although something still needs it: said by whoever looks.
  expect((await sluice(newer, ['vault', 'rotate'])).err).toContain(
    `key ${OLD} is not among those given, and is needed by 1 answer on disk, 1 open workflow`,
  );
  const stored: unknown[] = [];
  const without = spoolOf(newer, randomUUID(), stored);
  await without.start();
  await without.stop();
  expect(stored).toEqual([]);

  // A worker with both keys stores what was held, and the workflow ends.
  const heir = spoolOf(both, randomUUID(), stored);
  await heir.start();
  await heir.stop();
  expect(stored).toEqual([{ n: 1 }]);
  await new Client({ connection }).workflow.getHandle(workflowId).terminate();
  await storeToken(both, 'token-of-the-new');

  const last = await sluice(both, ['vault', 'rotate']);
  expect(last.out).toContain('0 entries encrypted again');
  expect(last.out).toContain(`key ${OLD} is needed by nothing: it can be taken away`);

  expect(await new TokenStore(db, KeyRing.parse(newer)).readToken(TOKEN)).toMatchObject({
    token: { accessToken: 'token-of-the-new' },
  });
  expect(await new Vault(db, KeyRing.parse(newer)).get('own/secret')).toBe('value');
  expect((await sluice(newer, ['doctor'])).out).not.toContain(OLD);
});

describe('a key that is needed in a place of its own is not dropped unnoticed', () => {
  const needs = async () => (await sluice(newer, ['doctor'])).out;
  const echo = (workflowId: string) => ({
    args: [{ text: 'x', fail: false }],
    taskQueue: uniqueName('nobody'),
    workflowId,
  });

  test('an event late in a long history', async () => {
    const workflowId = await startWorkflow(newer);
    const plain = new Client({ connection }).workflow.getHandle(workflowId);
    await Promise.all(Array.from({ length: 210 }, (_, n) => plain.signal('note', n)));
    expect(await needs()).not.toContain(OLD);
    await (await clientWith(old)).workflow.getHandle(workflowId).signal('note', 'late');
    expect(await needs()).toContain(`key ${OLD} is needed by 1 open workflow (e.g. ${workflowId})`);
    await plain.terminate();
    expect(await needs()).not.toContain(OLD);
  });

  test('a memo', async () => {
    const workflowId = uniqueName('memo');
    const plain = new Client({ connection });
    const noted = await (await clientWith(old)).workflow.start('echo', {
      ...echo(workflowId),
      args: [],
      memo: { why: 'kept' },
    });
    expect(await needs()).toContain(`key ${OLD} is needed by 1 open workflow (e.g. ${workflowId})`);
    await plain.workflow.getHandle(noted.workflowId).terminate();
  });

  test('what a schedule starts its runs with', async () => {
    const scheduleId = uniqueName('schedule');
    const handle = await (await clientWith(old)).schedule.create({
      scheduleId,
      spec: { intervals: [{ every: '1 day' }] },
      state: { paused: true },
      action: { type: 'startWorkflow', workflowType: 'echo', ...echo(uniqueName('run')) },
    });
    // The list of schedules follows a moment later.
    await eventually('it is found', async () =>
      (await needs()).includes(`key ${OLD} is needed by 1 schedule (e.g. ${scheduleId})`),
    );
    await handle.delete();
  });

  test('a payload that names a key at hand and is not opened by it', async () => {
    const workflowId = uniqueName('broken');
    const id = Buffer.from(NEW);
    const broken: PayloadCodec = {
      encode: async (payloads) =>
        payloads.map(() => ({
          metadata: {
            encoding: Buffer.from('binary/encrypted'),
            'encryption-cipher': Buffer.from('AES-256-GCM'),
            'encryption-key-id': id,
          },
          data: Buffer.alloc(64, 1),
        })),
      decode: async (payloads) => payloads,
    };
    const client = new Client({ connection, dataConverter: { payloadCodecs: [broken] } });
    const handle = await client.workflow.start('echo', echo(workflowId));
    const { code, out } = await sluice(newer, ['doctor']);
    expect(code).toBe(1);
    expect(out).toContain(`a payload of ${workflowId} names key ${NEW} and is not opened by it`);
    await handle.terminate();
  });
});
