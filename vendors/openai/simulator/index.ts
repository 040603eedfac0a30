/**
 * A simulator of OpenAI's Responses, Files, Batch and Models APIs as one real HTTP server. `baseUrl` is what the
 * official client takes as `baseURL`.
 */
import type { VendorSimulator } from '../../define';
import type { Clock } from '../../kit/clock';
import type { KitControl } from '../../kit/control';
import { parseScenario } from '../../kit/scenario';
import { type RunningSimulator, startSimulatorServer } from '../../kit/server';
import type { OpenAiControl } from './control';
import { changedLimits, type OpenAiScenarioInput, openAiScenarioSchema } from './options';
import { createOpenAiVendor } from './vendor';

export { type OpenAiScenarioInput, openAiScenarioSchema } from './options';

/** Room in a request for what a multipart form adds to a file. */
const FORM_BYTES = 1_000_000;

export interface OpenAiSimulator extends RunningSimulator {
  /** `<url>/v1`. */
  readonly baseUrl: string;
  /** Typed form of `POST /_sim/control`. Throws ZodError or RangeError for what would be a 400. */
  control(command: KitControl & OpenAiControl): void;
}

/**
 * Starts the simulator and resolves when it listens.
 * @param overrides.clock epoch ms that never go back; for tests that do not want to wait.
 * @throws ScenarioError that names each field at fault; the listening error when the port is taken.
 */
export async function startOpenAiSimulator(
  options: OpenAiScenarioInput = {},
  overrides: { readonly clock?: Clock } = {},
): Promise<OpenAiSimulator> {
  const scenario = parseScenario(openAiScenarioSchema, options, 'the OpenAI simulator');
  const server = await startSimulatorServer((record, clock) => createOpenAiVendor(scenario, record, clock), {
    host: scenario.host,
    port: scenario.port,
    seed: scenario.seed,
    faults: scenario.faults,
    limitChanges: scenario.limits,
    maxBodyBytes: scenario.maxFileBytes + FORM_BYTES,
    ...(scenario.stateFile === undefined ? {} : { stateFile: scenario.stateFile }),
    ...overrides,
  });
  const timers = scenario.limitChanges.map((change) => {
    const apply = () => server.control({ limits: changedLimits(change) });
    return setTimeout(apply, change.afterMs).unref();
  });
  return {
    ...server,
    baseUrl: `${server.url}/v1`,
    close: () => {
      for (const timer of timers) clearTimeout(timer);
      return server.close();
    },
  };
}

export const openaiSimulator: VendorSimulator = {
  scenario: openAiScenarioSchema,
  start: startOpenAiSimulator,
  settings: ({ url }) => ({ baseUrl: `${url}/v1` }),
  knows: () => 'any key sk-… is a project',
};
