/** A program in a process of its own, once it has said that it is up. */
import { spawn } from 'node:child_process';
import { eventually } from '../eventually';
import { endWithRun } from '../run/run-folder';

export interface StartedProgram {
  /** What it said when it was up. */
  readonly said: RegExpExecArray;
  /** What it has written so far. */
  log(): string;
  /** Resolves to its exit code once it is gone. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** @throws with what it has written when it ends before it says `up`. */
export async function startProgram(
  args: readonly string[],
  { cwd, env, up }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly up: RegExp },
): Promise<StartedProgram> {
  const child = spawn(process.execPath, [...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) endWithRun(child.pid);
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log += text;
    });
  }
  let isGone = false;
  const gone = new Promise<number | null>((done) =>
    child.once('close', (code) => {
      isGone = true;
      done(code);
    }),
  );
  const said = await eventually(`${args[0]} is up`, () => (isGone ? 'ended' : up.exec(log)));
  if (said === 'ended') throw new Error(`it ended: ${log}`);
  return {
    said,
    log: () => log,
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return gone;
    },
  };
}
