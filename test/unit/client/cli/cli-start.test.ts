/** What a command loads: the packages whose code has run, as V8 counts calls. No clock takes part. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { generateKey } from '../../../../store/secrets/keyring';
import { SLUICE } from '../../../support/processes/program';
import { temporaryFolder } from '../../../support/stacks/embedded';

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { functionName: string; ranges: readonly { count: number }[] }[];
  }[];
}

/** Each module of the bundle is a function named after its file, and runs when it is loaded. */
function modulesOf(folder: string): string[] {
  const [file = ''] = readdirSync(folder);
  const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Coverage;
  return result.flatMap(({ url, functions }) => {
    if (url.includes('/node_modules/')) return [url.replace(/^.*\/node_modules\//, 'node_modules/')];
    if (!/\/dist\/(?:sluice|packages)\.cjs$/.test(url)) return [];
    return functions
      .filter(({ functionName, ranges }) => functionName.includes('/') && (ranges[0]?.count ?? 0) > 0)
      .map(({ functionName }) => functionName);
  });
}

async function run(...args: string[]): Promise<{ out: string; packages: readonly string[] }> {
  const folder = temporaryFolder('start');
  const coverage = mkdtempSync(join(folder, 'coverage-'));
  writeFileSync(join(folder, 'sluice.yaml'), 'accounts: {}\n');
  const env = {
    PATH: process.env.PATH,
    NODE_V8_COVERAGE: coverage,
    SLUICE_STATE_DIR: join(folder, 'state'),
    SLUICE_VAULT_KEY: generateKey(),
    // Nothing listens there: the connection is refused, and what it takes has been loaded.
    DATABASE_URL: 'postgres://sluice@127.0.0.1:1/none',
  };
  const out = await new Promise<string>((resolve) => {
    execFile(process.execPath, [SLUICE, ...args], { cwd: folder, env }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
  const names = modulesOf(coverage).map(
    (module) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(module)?.[1] ?? 'sluice',
  );
  return { out, packages: [...new Set(names)] };
}

const HEAVY = /^(@temporalio\/|@grpc\/|protobufjs|undici|openai|gpt-tokenizer|pino$|csv-parse)/;

describe('what a command loads that needs no Temporal', () => {
  test.each([
    { args: ['--help'], says: /Usage: sluice/ },
    { args: ['settings', 'check'], says: /valid; 0 accounts/ },
    { args: ['events'], says: /Postgres cannot be reached/ },
    { args: ['prune', '--dry-run'], says: /Postgres cannot be reached/ },
    { args: ['status', '--json'], says: /"postgres": \{/ },
  ])('$args', async ({ args, says }) => {
    const { out, packages } = await run(...args);
    expect(out).toMatch(says);
    expect(packages).toEqual(expect.arrayContaining(['sluice', 'commander']));
    expect(packages.filter((name) => HEAVY.test(name))).toEqual([]);
  });

  test('and it would be seen: the codec server takes payloads apart', async () => {
    const occupied = createServer().listen(0, '127.0.0.1');
    await once(occupied, 'listening');
    const { port } = occupied.address() as AddressInfo;
    const { out, packages } = await run('codec-server', '--port', String(port));
    occupied.close();
    expect(out).toContain('cannot listen');
    expect(packages.filter((name) => HEAVY.test(name))).toContain('@temporalio/proto');
  });
});
