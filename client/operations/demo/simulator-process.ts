/** Runs a demo's simulated vendor as a process of its own, which outlives the command that started it. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { tailOf } from '../../../embedded/child';
import { choosePort } from '../../../embedded/ports';
import type { StateDir } from '../../../embedded/state-dir';
import { ClientError } from '../errors';
import { adoptable, type ChildProgram, Keeper } from '../processes/keeper';
import { findProcess, type Say } from '../processes/servers';

export const SIMULATOR = 'amazon-simulator';

/** The port that it has or had, unless somebody else has taken it; then another one. */
export async function chooseSimulatorPort(dir: StateDir, last: number | null, say: Say): Promise<number> {
  if (last !== null && findProcess(dir, SIMULATOR) !== null) return last;
  const { port, moved } = await choosePort(last);
  if (moved) say(`Amazon simulator: port ${last} is in use; using ${port} instead.`);
  return port;
}

/** Long enough for a machine that has much else to do. */
const START_MS = 60_000;

/** Starts or adopts it, and keeps it running. */
export async function keepSimulator(
  dir: StateDir,
  port: number,
  files: { readonly scenario: string; readonly simulatorState: string },
  say: Say,
  vendor = 'amazon',
): Promise<Keeper> {
  const url = `http://127.0.0.1:${port}`;
  const name = `${vendor}-simulator`;
  const program: ChildProgram = {
    name,
    script: join(__dirname, '..', '..', '..', 'vendors', vendor, 'simulator', 'main.js'),
    args: ['--port', String(port), '--scenario', files.scenario, '--state', files.simulatorState],
    logFile: join(dir.logs, `${name}.log`),
    url,
    dependsOn: [files.scenario],
  };
  const keeper = new Keeper(dir, program, say);
  await keeper.start(await adoptable(dir, program, say));
  const deadline = Date.now() + START_MS;
  while (!(await isHealthy(url))) {
    if (Date.now() > deadline) {
      await keeper.stop();
      throw new ClientError(`the ${name} does not answer at ${url}:\n${tailOf(program.logFile, 5)}`);
    }
    await delay(50);
  }
  return keeper;
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/_sim/health`, { signal: AbortSignal.timeout(5_000) })).ok;
  } catch {
    return false;
  }
}

/** Gives a simulator orders, as `POST /_sim/control`. */
export async function orderSimulator(url: string, order: object): Promise<void> {
  const response = await fetch(`${url}/_sim/control`, {
    method: 'POST',
    body: JSON.stringify(order),
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new ClientError(`the simulator refused the order: ${await response.text()}`);
}

/** From now on the vendor answers QuotaExceeded to every report call, for `forMs`. */
export async function refuseForAWhile(url: string, forMs: number): Promise<void> {
  const operations = ['createReport', 'getReport', 'getReportDocument'];
  await orderSimulator(url, {
    addFaults: operations.map((operation) => ({ kind: 'quota', operation, forMs })),
  });
}
