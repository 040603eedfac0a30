/**
 * A simulator as a program: `main --port P --scenario F --state F` runs it until it is told to stop. Prints one JSON
 * line when it is ready, `{"url":…,"port":…,…}` with the URLs its vendor has besides; anything wrong goes to stderr
 * with exit code 1.
 */
import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { readScenario, ScenarioError } from './scenario';
import type { RunningSimulator } from './server';

/** Options that every simulator takes. */
interface ProgramOptions {
  readonly port?: number;
  readonly stateFile?: string;
}

/** @param urls names of the simulator's own URLs, e.g. `baseUrl`. */
export function runSimulator<S extends z.ZodType, R extends RunningSimulator>(
  schema: S,
  start: (options: z.input<S> & ProgramOptions) => Promise<R>,
  urls: readonly (keyof R & string)[],
): void {
  main(schema, start, urls).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}

async function main<S extends z.ZodType, R extends RunningSimulator>(
  schema: S,
  start: (options: z.input<S> & ProgramOptions) => Promise<R>,
  urls: readonly (keyof R & string)[],
): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, scenario: { type: 'string' }, state: { type: 'string' } },
  });
  const scenario = values.scenario === undefined ? {} : readScenario(schema, values.scenario);
  if (values.port !== undefined && !/^\d+$/.test(values.port)) {
    throw new ScenarioError(`--port: "${values.port}" is not a port number`);
  }
  const simulator = await start({
    ...(scenario as z.input<S> & object),
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    ...(values.state === undefined ? {} : { stateFile: values.state }),
  });
  const { url, port } = simulator;
  const others = Object.fromEntries(urls.map((name) => [name, simulator[name]]));
  process.stdout.write(`${JSON.stringify({ url, port, ...others })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void simulator.close().then(() => process.exit(0)));
  }
}
