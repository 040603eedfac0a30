/**
 * `main --port P --scenario F --state F`: runs the GPS51 simulator until it is told to stop. Prints one JSON line
 * `{"url":…,"port":…,"baseUrl":…}` when it is ready; anything wrong goes to stderr with exit code 1.
 */
import { parseArgs } from 'node:util';
import { readScenario, ScenarioError } from '../../simulator/scenario';
import { gps51ScenarioSchema, startGps51Simulator } from './index';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, scenario: { type: 'string' }, state: { type: 'string' } },
  });
  const scenario = values.scenario === undefined ? {} : readScenario(gps51ScenarioSchema, values.scenario);
  if (values.port !== undefined && !/^\d+$/.test(values.port)) {
    throw new ScenarioError(`--port: "${values.port}" is not a port number`);
  }
  const simulator = await startGps51Simulator({
    ...scenario,
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    ...(values.state === undefined ? {} : { stateFile: values.state }),
  });
  const { url, port, baseUrl } = simulator;
  process.stdout.write(`${JSON.stringify({ url, port, baseUrl })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void simulator.close().then(() => process.exit(0)));
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
