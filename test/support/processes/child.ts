/** Child processes of tests that run a TypeScript file of this folder and talk by messages. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

export class Child {
  private readonly process: ChildProcess;
  private readonly messages: unknown[] = [];
  private wake: (() => void) | null = null;
  private ended: string | null = null;
  private errors = '';

  /** @param file name in this folder, e.g. `permit-caller.ts`. */
  constructor(
    private readonly file: string,
    options?: unknown,
  ) {
    this.process = fork(join(__dirname, file), options === undefined ? [] : [JSON.stringify(options)], {
      execArgv: ['-r', join(__dirname, '..', 'register-ts.cjs')],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.process.stderr?.on('data', (text) => {
      this.errors += text;
    });
    this.process.on('message', (message) => {
      this.messages.push(message);
      this.wake?.();
    });
    this.process.on('exit', (code, signal) => {
      this.ended = `exit code ${code}, signal ${signal}`;
      this.wake?.();
    });
  }

  say(message: string): void {
    this.process.send(message);
  }

  /** The next message. Throws with what the child wrote to stderr when it ends without one. */
  async hear<T>(): Promise<T> {
    while (this.messages.length === 0) {
      if (this.ended !== null) throw new Error(`${this.file} ended (${this.ended}): ${this.errors}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.messages.shift() as T;
  }

  /** SIGSTOP: it does nothing any more, its connections stay open. */
  freeze(): void {
    this.process.kill('SIGSTOP');
  }

  /** SIGCONT: it goes on where it was frozen. */
  thaw(): void {
    this.process.kill('SIGCONT');
  }

  /** Ends the child and waits until it is gone. */
  async end(): Promise<void> {
    if (this.ended !== null) return;
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await gone;
  }
}
