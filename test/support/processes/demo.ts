/** `sluice demo` as a person runs it, beside a test's servers. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { generateKey } from '../../../store/secrets/keyring';
import { withoutBusyNotes } from '../cli';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export function runNode(
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...args], { cwd, env }, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err: withoutBusyNotes(err) }),
    );
  });
}

/** Nothing of the test run's own but its servers. */
export function demoEnvironment(
  folder: string,
  servers: { readonly databaseUrl: string; readonly temporalAddress: string },
): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    DATABASE_URL: servers.databaseUrl,
    TEMPORAL_ADDRESS: servers.temporalAddress,
    SLUICE_STATE_DIR: join(folder, 'state'),
    SLUICE_VAULT_KEY: generateKey(),
  };
}

/** What a demo with `--json` says at its end. */
export function summaryOf<T>({ out, err, code }: Ran): T {
  const lines = out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { readonly type: string });
  const found = lines.find(({ type }) => type === 'summary');
  if (!found) throw new Error(`no summary (exit code ${code}): ${err}`);
  return found as T;
}
