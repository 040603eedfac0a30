/** Sluice beside an OpenAI simulator: see core-stack.ts. */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { type Batch, createBatch, type NewItem } from '../../../store/batches/batches';
import { endedItems } from '../../../store/batches/items';
import {
  type OpenAiScenarioInput,
  type OpenAiSimulator,
  startOpenAiSimulator,
} from '../../../vendors/openai/simulator';
import type { batch } from '../../../workflows/batches/batch';
import { batchWorkflowId } from '../../../workflows/messages';
import { type RewriteAnswer, startRewritingProxy } from '../network/rewriting-proxy';
import { type CoreStack, startCore } from './core-stack';
import { STEADY_ZONE } from './due-hours';
import { uniqueName } from './embedded';

/** Keys of an account whose calls of a day are counted: no midnight falls into the test. */
export const STEADY_DAY = { limits: { daily: { zone: STEADY_ZONE } } };

export interface OpenAiStackOptions {
  readonly scenario?: OpenAiScenarioInput;
  /** Keys of the account. */
  readonly account?: Record<string, unknown>;
  /** Changes what the vendor answers to Sluice; requests that the test itself makes to the simulator are not changed. */
  readonly rewrite?: RewriteAnswer;
  /** Another project of the same organization, with an account of its own. */
  readonly otherAccount?: Record<string, unknown>;
}

export interface OpenAiStack extends CoreStack {
  readonly account: string;
  readonly pool: string;
  /** The other project's account; `openai/` before it is its pool. */
  readonly otherAccount: string;
  readonly simulator: OpenAiSimulator;
  /** Loads items `id-0`… with the variable `artist_name`. */
  load(count: number, change?: Partial<Batch>, nameOf?: (n: number) => string): Promise<Batch>;
  run(batchId: number, workflowId?: string): Promise<Awaited<ReturnType<typeof startBatch>>>;
}

/** The simulator, behind a proxy where the test rewrites answers. */
async function startVendor({ scenario, rewrite }: OpenAiStackOptions) {
  const simulator = await startOpenAiSimulator({ latencyMs: { min: 20, max: 80 }, ...scenario });
  const proxy = rewrite && (await startRewritingProxy(simulator.baseUrl, rewrite));
  const close = async () => {
    await proxy?.close();
    await simulator.close();
  };
  return { simulator, baseUrl: proxy?.baseUrl ?? simulator.baseUrl, close };
}

export async function startOpenAiStack(options: OpenAiStackOptions = {}): Promise<OpenAiStack> {
  const account = uniqueName('bios');
  const otherAccount = uniqueName('other');
  const { vendor, ...core } = await startCore({
    name: 'openai',
    env: { TEST_OPENAI_KEY: 'sk-bios', TEST_OPENAI_KEY_2: 'sk-other' },
    startVendor: () => startVendor(options),
    settings: ({ baseUrl }) => ({
      log: { level: 'info' },
      accounts: {
        [account]: {
          vendor: 'openai',
          baseUrl,
          apiKey: 'env:TEST_OPENAI_KEY',
          concurrency: { min: 4, max: 50 },
          ...options.account,
        },
        ...(options.otherAccount && {
          [otherAccount]: {
            vendor: 'openai',
            baseUrl,
            apiKey: 'env:TEST_OPENAI_KEY_2',
            ...options.otherAccount,
          },
        }),
      },
    }),
  });
  return {
    ...core,
    account,
    pool: `openai/${account}`,
    otherAccount,
    simulator: vendor.simulator,
    load: (count, change, nameOf) => loadBatch(core.db, account, count, change, nameOf),
    run: (batchId, workflowId = batchWorkflowId('openai/bios', account, batchId)) =>
      startBatch(core.client, core.settings.temporal.taskQueue, batchId, workflowId),
  };
}

/** Stores a batch of items `id-0`… with the variable `artist_name`. */
export async function loadBatch(
  db: Pool,
  account: string,
  count: number,
  change: Partial<Batch> = {},
  nameOf = (n: number) => `Artist ${n}`,
): Promise<Batch> {
  async function* items(): AsyncGenerator<NewItem[]> {
    yield Array.from({ length: count }, (_, n) => ({
      externalId: `id-${n}`,
      variables: { artist_name: nameOf(n) },
    }));
  }
  const { batch: loaded } = await createBatch(
    db,
    {
      digest: uniqueName('digest'),
      kind: 'openai/bios',
      account,
      model: 'gpt-4.1-mini',
      prompt: 'Write a biography of {{artist_name}}.',
      options: { maxOutputTokens: 300, maxConcurrency: null },
      inputName: 'artists.csv',
      priority: 'background',
      ...change,
    },
    items(),
  );
  return loaded;
}

export function startBatch(client: Client, taskQueue: string, batchId: number, workflowId: string) {
  return client.workflow.start<typeof batch>('batch', {
    workflowId,
    taskQueue,
    args: [{ batchId }],
  });
}

/** Every stored result, in the input's order. */
export async function resultsOf(db: Pool, batchId: number) {
  const all = [];
  for await (const page of endedItems(db, batchId)) all.push(...page);
  return all;
}
