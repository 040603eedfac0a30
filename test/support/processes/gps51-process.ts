/** The GPS51 simulator as a process of its own, so that its clock sees arrivals and not the test's own work. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Gps51ScenarioInput } from '../../../vendors/gps51/simulator';
import type { Arrival } from '../../../vendors/kit/judge/arrivals';
import type { LimitReport } from '../../../vendors/kit/judge/limit-book';
import { endWithRun, temporaryFolder } from '../run/run-folder';
import { program } from './program';

export interface Gps51Process {
  readonly url: string;
  readonly baseUrl: string;
  /** `GET /_sim/<page>` */
  page<T>(page: string): Promise<T>;
  /** What each limit saw. */
  limits(): Promise<readonly LimitReport[]>;
  /** Every call that arrived, oldest first. */
  calls(): Promise<readonly Arrival[]>;
  /** `POST /_sim/control` */
  control(command: Record<string, unknown>): Promise<void>;
  /** Ends it and waits until it is gone. */
  end(): Promise<void>;
}

export async function startGps51Process(scenario: Gps51ScenarioInput): Promise<Gps51Process> {
  const file = join(temporaryFolder('gps51'), 'scenario.json');
  writeFileSync(file, JSON.stringify(scenario));
  const main = program('vendors', 'gps51', 'simulator', 'main');
  const child = spawn(process.execPath, [main, '--scenario', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.pid !== undefined) endWithRun(child.pid);
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  const line = await new Promise<string>((found, failed) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
      if (said.includes('\n')) found(said);
    });
    child.once('exit', (code) => failed(new Error(`the simulator ended with exit code ${code}`)));
  });
  const { url, baseUrl } = JSON.parse(line) as { url: string; baseUrl: string };
  const page = async <T>(name: string): Promise<T> => {
    const answer = await fetch(`${url}/_sim/${name}`);
    if (!answer.ok) throw new Error(`/_sim/${name} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  return {
    url,
    baseUrl,
    page,
    limits: async () => (await page<{ limits: LimitReport[] }>('stats')).limits,
    calls: async () => [...(await page<Arrival[]>('calls'))].sort((a, b) => a.t - b.t),
    control: async (command) => {
      const answer = await fetch(`${url}/_sim/control`, { method: 'POST', body: JSON.stringify(command) });
      if (!answer.ok) throw new Error(`the simulator refused a command: ${await answer.text()}`);
    },
    end: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
