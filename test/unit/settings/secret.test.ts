import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, inspect } from 'node:util';
import pino from 'pino';
import { resolveSecret, Secret, SecretError } from '../../../settings';

describe('a secret prints as [secret]', () => {
  const secret = new Secret('hunter2');

  test('in text, JSON, the inspector, spread objects, errors and log lines', () => {
    const lines: string[] = [];
    pino({}, { write: (line: string) => void lines.push(line) }).info(
      { secret, nested: { secret } },
      'hello',
    );
    const shown = [
      `${secret}`,
      String(secret),
      secret.toString(),
      `${[secret]}`,
      JSON.stringify({ secret }),
      JSON.stringify({ ...secret }),
      inspect(secret, { showHidden: true, depth: 9 }),
      inspect({ deep: { secret } }, { showHidden: true, depth: 9 }),
      format('%s %o %j', secret, secret, secret),
      new Error(`failed with ${secret}`).message,
      JSON.stringify(structuredClone({ ...secret })),
      ...lines,
    ];
    for (const text of shown) expect(text).not.toContain('hunter2');
    expect(`${secret}`).toBe('[secret]');
    expect(lines[0]).toContain('"secret":"[secret]"');
  });

  test('only reveal() gives it', () => {
    expect(secret.reveal()).toBe('hunter2');
  });
});

describe('references', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-secret-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('env: reads the variable at the moment it is needed', async () => {
    const env: Record<string, string> = { NAME: 'one' };
    expect((await resolveSecret('env:NAME', { env })).reveal()).toBe('one');
    env.NAME = 'two';
    expect((await resolveSecret('env:NAME', { env })).reveal()).toBe('two');
  });

  test.each(['constructor', 'toString', '__proto__'])('env:%s is a variable like any other', async (name) => {
    await expect(resolveSecret(`env:${name}`, { env: {} })).rejects.toThrow(/is not set/);
    await expect(resolveSecret(`env:${name}`)).rejects.toThrow(/is not set/);
  });

  test.each([
    ['value', 'value'],
    ['value\n', 'value'],
    ['value\r\n', 'value'],
    [' two words \n\n', ' two words \n'],
  ])('file: %j is %j: one trailing newline is cut off', async (content, value) => {
    const path = join(folder, 'secret');
    writeFileSync(path, content, { mode: 0o600 });
    expect((await resolveSecret(`file:${path}`)).reveal()).toBe(value);
  });

  test('file: warns when every user of the machine can read it', async () => {
    const path = join(folder, 'secret');
    writeFileSync(path, 'hunter2');
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    chmodSync(path, 0o600);
    await resolveSecret(`file:${path}`, { warn });
    expect(warnings).toEqual([]);
    chmodSync(path, 0o644);
    await resolveSecret(`file:${path}`, { warn });
    expect(warnings).toEqual([
      `secret file:${path}: every user of this machine can read the file; run: chmod o-r ${path}`,
    ]);
  });

  test('vault: asks the vault', async () => {
    const vault = { get: async (name: string) => (name === 'amazon/main' ? 'Atzr' : null) };
    expect((await resolveSecret('vault:amazon/main', { vault })).reveal()).toBe('Atzr');
    await expect(resolveSecret('vault:other', { vault })).rejects.toMatchObject({
      code: 'missing',
      message: 'secret vault:other: the vault has no entry "other"; add it with: sluice vault put other',
    });
  });

  test('what is not there is an error that names the reference and what to do', async () => {
    const path = join(folder, 'nothing');
    const empty = join(folder, 'empty');
    writeFileSync(empty, '\n');
    await expect(resolveSecret('env:NO', { env: {} })).rejects.toThrow(
      'secret env:NO: the environment variable NO is not set',
    );
    await expect(resolveSecret('env:NO', { env: { NO: '' } })).rejects.toMatchObject({ code: 'empty' });
    await expect(resolveSecret(`file:${path}`)).rejects.toThrow(`secret file:${path}: there is no such file`);
    await expect(resolveSecret(`file:${empty}`)).rejects.toMatchObject({ code: 'empty' });
    await expect(resolveSecret(`file:${folder}`)).rejects.toMatchObject({ code: 'unreadable' });
    await expect(resolveSecret('vault:x')).rejects.toThrow('the vault is not open; set SLUICE_VAULT_KEY');
    await expect(resolveSecret('vault:x')).rejects.toBeInstanceOf(SecretError);
  });
});
