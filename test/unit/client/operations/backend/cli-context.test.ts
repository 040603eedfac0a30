/** What a command finds out about where it runs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explainDatabaseError, loadContext } from '../../../../../client/operations/backend/context';
import { createPool } from '../../../../../store/db';
import { generateKey } from '../../../../../store/secrets/keyring';

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sluice-context-'));
  mkdirSync(join(cwd, '.sluice'));
  writeFileSync(join(cwd, '.sluice', 'vault.key'), `${generateKey()}\n`);
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

function encrypts(settings: string, env: NodeJS.ProcessEnv = {}): boolean {
  writeFileSync(join(cwd, 'sluice.yaml'), settings);
  return loadContext({ cwd, env }).settings.temporal.encryptPayloads;
}

test('this folder’s own key opens the vault; what the embedded Temporal shows stays readable, for its worker too', () => {
  const env: NodeJS.ProcessEnv = {};
  writeFileSync(join(cwd, 'sluice.yaml'), '{}');
  const { settings } = loadContext({ cwd, env });
  expect(settings.vault.key).toBe('env:SLUICE_VAULT_KEY');
  expect(settings.temporal.encryptPayloads).toBe(false);
  // The worker is started with this environment and the servers' addresses.
  const started = { ...env, DATABASE_URL: 'postgres://127.0.0.1/x', TEMPORAL_ADDRESS: '127.0.0.1:7233' };
  expect(loadContext({ cwd, env: started }).settings.temporal.encryptPayloads).toBe(false);
});

test('a Temporal elsewhere gets ciphertext, and so does any Temporal where an operator gives a key', () => {
  expect(encrypts('temporal: { address: temporal.example.com:7233 }')).toBe(true);
  expect(encrypts('{}', { SLUICE_VAULT_KEY: generateKey() })).toBe(true);
  expect(encrypts('vault: { keyFile: .sluice/vault.key }')).toBe(true);
});

test('a connection that is cut, at its start or during a question, is a database that is away', async () => {
  const server = createServer((socket) =>
    socket.on('error', () => undefined).once('data', () => socket.end()),
  );
  await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens));
  const url = `postgres://u:secret@127.0.0.1:${(server.address() as AddressInfo).port}/db`;
  const db = createPool(url, { max: 1 });
  const error = await db.query('select 1').catch((cause: unknown) => explainDatabaseError(cause, url));
  await db.end();
  server.close();
  expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE', message: expect.stringContaining('was cut') });
  for (const [text, said] of [
    ['Query read timeout', 'does not answer in time'],
    ['Client has encountered a connection error and is not queryable', 'was cut'],
  ] as const) {
    const explained = explainDatabaseError(new Error(text), url);
    expect(explained).toMatchObject({ code: 'DATABASE_UNAVAILABLE', message: expect.stringContaining(said) });
    expect(String(explained)).not.toContain('secret');
  }
});
