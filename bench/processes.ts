/** Scripts of this build as processes of their own, as they would run, and the memory that they hold together. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.join(__dirname, '..');

export interface Launched {
  readonly name: string;
  readonly child: ChildProcess;
  /** The line that said it was ready. */
  readonly ready: Promise<string>;
  /** Exit code. */
  readonly ended: Promise<number | null>;
}

export class Processes {
  private readonly launched: Launched[] = [];
  private readonly peaks = new Map<string, number>();
  private peakSum = 0;

  /**
   * @param script of this build, without its extension.
   * @param isReady called with each line of its output once; the first that it accepts is `ready`.
   */
  launch(
    name: string,
    script: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
    isReady: (line: string) => boolean,
  ): Launched {
    const file = path.join(ROOT, script + path.extname(__filename));
    const child = spawn(process.execPath, [...process.execArgv, file, ...args], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const ready = new Promise<string>((resolve, reject) => {
      let rest = '';
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (isReady(line)) resolve(line);
      });
      child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    });
    ready.catch(() => undefined);
    const launched = { name, child, ready, ended };
    this.launched.push(launched);
    return launched;
  }

  /** Looks at the resident memory of these processes, MB; the most of each and of all at one time is kept. */
  sample(names: readonly string[]): number {
    let sum = 0;
    for (const { name, child } of this.launched) {
      if (!names.includes(name) || child.exitCode !== null || child.signalCode !== null) continue;
      const mb = residentMb(child.pid);
      this.peaks.set(name, Math.max(this.peaks.get(name) ?? 0, mb));
      sum += mb;
    }
    this.peakSum = Math.max(this.peakSum, sum);
    return sum;
  }

  /** The most memory that was seen, MB: of each, and of all together at one time. */
  get peak(): { readonly each: Readonly<Record<string, number>>; readonly sum: number } {
    return { each: Object.fromEntries(this.peaks), sum: this.peakSum };
  }

  killAll(): void {
    for (const { child } of this.launched) child.kill('SIGKILL');
  }
}

/** 0 for a process that is gone. */
function residentMb(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
