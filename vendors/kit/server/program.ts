/**
 * A simulator as a program: `main --port P --scenario F --state F` runs it until SIGTERM. Prints one JSON
 * line when it is ready, `{"url":…,"port":…,…}` with the settings of an account that lead to it; anything wrong goes
 * to stderr with exit code 1.
 */
import { parseArgs } from 'node:util';
import type { VendorSimulator } from '../../define';
import { readScenario, ScenarioError } from '../scenario';

/** Starts it as its arguments say. */
export function runSimulator(simulator: VendorSimulator): void {
  main(simulator).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}

async function main(simulator: VendorSimulator): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, scenario: { type: 'string' }, state: { type: 'string' } },
  });
  const scenario = values.scenario === undefined ? {} : readScenario(simulator.scenario, values.scenario);
  if (values.port !== undefined && !/^\d+$/.test(values.port)) {
    throw new ScenarioError(`--port: "${values.port}" is not a port number`);
  }
  const running = await simulator.start({
    ...(scenario as object),
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    ...(values.state === undefined ? {} : { stateFile: values.state }),
  });
  const { url, port } = running;
  process.stdout.write(`${JSON.stringify({ url, port, ...simulator.settings(running) })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void running.close().then(() => process.exit(0)));
  }
}
