/**
 * A simulator of OpenAI's Responses, Files, Batch and Models APIs as one real HTTP server. `baseUrl` is what the
 * official client takes as `baseURL`.
 */
import type { VendorSimulator } from '../../define';
import { type Simulator, type StartOverrides, startScenario } from '../../kit/server/start';
import type { OpenAiControl } from './control';
import { changedLimits, type OpenAiScenarioInput, openAiScenarioSchema } from './options';
import { createOpenAiVendor } from './vendor';

export { type OpenAiScenarioInput, openAiScenarioSchema } from './options';

/** Room in a request for what a multipart form adds to a file. */
const FORM_BYTES = 1_000_000;

export interface OpenAiSimulator extends Simulator<OpenAiControl> {
  /** `<url>/v1`. */
  readonly baseUrl: string;
}

/** As `startScenario`. */
export async function startOpenAiSimulator(
  options: OpenAiScenarioInput = {},
  overrides: StartOverrides = {},
): Promise<OpenAiSimulator> {
  const { scenario, running } = await startScenario(
    {
      title: 'the OpenAI simulator',
      scenario: openAiScenarioSchema,
      vendor: createOpenAiVendor,
      server: ({ maxFileBytes }) => ({
        maxBodyBytes: maxFileBytes + FORM_BYTES,
        // Texts alone take the scenario's time.
        latencyMs: { min: 0, max: 0 },
      }),
    },
    options,
    overrides,
  );
  const timers = scenario.limitChanges.map((change) => {
    const apply = () => running.control({ limits: changedLimits(change) });
    return setTimeout(apply, change.afterMs).unref();
  });
  return {
    ...running,
    baseUrl: `${running.url}/v1`,
    close: () => {
      for (const timer of timers) clearTimeout(timer);
      return running.close();
    },
  };
}

export const openaiSimulator: VendorSimulator = {
  scenario: openAiScenarioSchema,
  start: startOpenAiSimulator,
  settings: ({ url }) => ({ baseUrl: `${url}/v1` }),
  knows: () => 'any key sk-… is a project',
};
