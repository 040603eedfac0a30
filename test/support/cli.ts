/** The command line as a person runs it, with a stack's servers. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { SLUICE } from './processes/program';
import { temporaryFolder } from './stacks/embedded';

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliStack {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly settingsFile: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `sluice …` with `input` on standard input; `env` adds variables; Ctrl-C once it has printed `interruptAt`. */
export type Cli = (
  args: readonly string[],
  input?: string,
  env?: NodeJS.ProcessEnv,
  interruptAt?: RegExp,
) => Promise<Ran>;

/** What was printed, without what a busy machine makes a command say of its servers. */
export const withoutBusyNotes = (text: string) =>
  text.replace(/^Temporal at \S+ is slow to answer; waiting \d+ s more\n/gm, '');

export function cliFor(stack: CliStack): Cli {
  const folder = temporaryFolder('cli');
  return (args, input = '', env = {}, interruptAt) =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [SLUICE, ...args], {
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          DATABASE_URL: stack.databaseUrl,
          TEMPORAL_ADDRESS: stack.temporalAddress,
          SLUICE_STATE_DIR: join(folder, 'state'),
          SLUICE_SETTINGS: stack.settingsFile,
          ...stack.env,
          ...env,
        },
      });
      let [out, err] = ['', ''];
      let interrupted = false;
      child.stdout.setEncoding('utf8').on('data', (text) => {
        out += text;
        if (!interrupted && interruptAt?.test(out)) interrupted = child.kill('SIGINT');
      });
      child.stderr.setEncoding('utf8').on('data', (text) => {
        err += text;
      });
      child.once('close', (code) => resolve({ code, out, err: withoutBusyNotes(err) }));
      child.stdin.end(input);
    });
}
