/** An MQTT broker that a test can kill, freeze, start again, and have accept clients or not. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from '../eventually';
import { endWithRun } from '../run/run-folder';

interface BrokerReport {
  readonly port?: number;
  readonly entered?: Entry;
  readonly refused?: Entry;
  readonly connections?: number;
}

interface Entry {
  readonly username: string;
  readonly password: string;
}

export class MqttBroker {
  /** Who was let in, oldest first, and who was not. */
  readonly entered: Entry[] = [];
  readonly refused: Entry[] = [];
  connections = 0;
  /** The most connections that stood at once. */
  most = 0;
  private accepting = true;
  private child: ChildProcess | null = null;
  private port = 0;

  static async start(): Promise<MqttBroker> {
    const broker = new MqttBroker();
    await broker.listen();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Once more on the same port. */
  async listen(): Promise<void> {
    const child = fork(
      join(__dirname, 'mqtt-broker-process.mjs'),
      [String(this.port), this.accepting ? 'accept' : 'refuse'],
      { execArgv: [] },
    );
    this.child = child;
    if (child.pid !== undefined) endWithRun(child.pid);
    let listens = false;
    child.on('message', ({ port, entered, refused, connections }: BrokerReport) => {
      if (port !== undefined) {
        this.port = port;
        listens = true;
      }
      if (entered) this.entered.push(entered);
      if (refused) this.refused.push(refused);
      if (connections !== undefined) {
        this.connections = connections;
        this.most = Math.max(this.most, connections);
      }
    });
    await eventually('the broker listens', () => listens);
  }

  accept(accepts: boolean): void {
    this.accepting = accepts;
    this.child?.send({ accepts });
  }

  /** Ends each connection from now on as soon as it has subscribed. */
  cutOff(cuts: boolean): void {
    this.child?.send({ cuts });
  }

  publish(topic: string, payload: unknown): void {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    this.child?.send({ publish: { topic, payload: text } });
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === null) return;
    this.child = null;
    this.connections = 0;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await gone;
  }

  /** Connections stand, and nothing comes over them any more: not even the answer to a ping. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }
}
