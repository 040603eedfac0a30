/** What tests of batches by files have in common: a vendor whose batches are quick, and an account that polls it often. */
import { Runtime } from '@temporalio/worker';
import { type OpenAiStack, type OpenAiStackOptions, startOpenAiStack } from './openai-stack';

export const BY_FILES = { via: 'batch-api' } as const;

/** Of accounts at a vendor that fails again and again: the breaker is not what is tested. */
export const UNBROKEN = {
  retry: { server: { baseMs: 100, maxMs: 400, attempts: 5 } },
  pool: { breakerFailures: 100, cooldownMinutes: 0.002 },
};

interface Span {
  readonly min: number;
  readonly max: number;
}

/**
 * For a file of tests, each with a stack of its own, which ends with it.
 * @param stepMs how long the vendor takes for each step of a batch, ms.
 * @param account its keys; a test's own come on top, those of `batchApi` one by one.
 * @returns starts a stack, without a worker.
 */
export function fileStacks(
  stepMs: Span,
  account: Readonly<Record<string, unknown>> & { readonly batchApi: object },
): (options?: OpenAiStackOptions) => Promise<OpenAiStack> {
  let stack: OpenAiStack | null = null;
  afterEach(async () => {
    await stack?.close();
    stack = null;
  });
  afterAll(() => Runtime.instance().shutdown());
  const batches = { validatingMs: stepMs, finalizingMs: stepMs, cancellingMs: stepMs };
  return async ({ scenario, account: own, ...options } = {}) => {
    const batchApi = { ...account.batchApi, ...(own?.batchApi as object | undefined) };
    stack = await startOpenAiStack({
      ...options,
      scenario: { ...scenario, batches: { ...batches, ...scenario?.batches } },
      account: { ...account, ...own, batchApi },
    });
    return stack;
  };
}
