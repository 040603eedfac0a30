/**
 * How long a short command takes, as a multiple of an empty Node process: what a person waits for at each command.
 *
 *     npm run bench:cli-start [-- --json]
 *
 * The commands and the empty process take turns, so that a busy machine slows all of them; the fastest of twelve runs
 * counts. Uses a database of its own. Ends by itself within half a minute, with exit code 1 above the ceiling.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { migrate } from '../store/migrate';
import { withBenchDatabase } from './database';

const CEILING = 3;
const RUNS = 12;
const SLUICE = path.join(__dirname, '..', '..', 'bin', 'sluice.cjs');
const EMPTY = ['-e', '0'];
const COMMANDS = ['--help', 'settings check', 'pools', 'events', 'status --json'];

const SETTINGS = stringify({
  accounts: { shop: { vendor: 'openai', apiKey: 'env:NO_KEY' } },
});

/** Milliseconds from the start of the process to its end. */
async function run(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${said}`);
  return performance.now() - started;
}

async function measure(databaseUrl: string): Promise<boolean> {
  await migrate(databaseUrl);
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-cli-start-'));
  try {
    writeFileSync(path.join(folder, 'sluice.yaml'), SETTINGS);
    const env = { ...process.env, DATABASE_URL: databaseUrl, SLUICE_SETTINGS: '', TEMPORAL_ADDRESS: '' };
    const fastest = new Map<string, number>();
    const time = async (name: string, args: readonly string[]) => {
      const ms = await run(args, folder, env);
      fastest.set(name, Math.min(ms, fastest.get(name) ?? ms));
    };
    for (let i = 0; i < RUNS; i += 1) {
      await time('node', EMPTY);
      for (const command of COMMANDS) await time(command, [SLUICE, ...command.split(' ')]);
    }
    return report(fastest);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(fastest: ReadonlyMap<string, number>): boolean {
  const empty = fastest.get('node') ?? Number.NaN;
  const results = COMMANDS.map((command) => {
    const ms = fastest.get(command) ?? Number.NaN;
    return { command, ms: Math.round(ms), ratio: Math.round((ms / empty) * 100) / 100 };
  });
  if (process.argv.includes('--json')) console.log(JSON.stringify({ emptyMs: Math.round(empty), results }));
  else {
    console.log(`an empty Node process: ${Math.round(empty)} ms`);
    for (const { command, ms, ratio } of results)
      console.log(`sluice ${command.padEnd(16)} ${String(ms).padStart(4)} ms  ${ratio.toFixed(2)} times`);
  }
  return results.every(({ ratio }) => ratio <= CEILING);
}

void withBenchDatabase(measure);
