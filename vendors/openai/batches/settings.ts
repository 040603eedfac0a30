/** Settings of the Batch API, and the prices that its discount is shown with. */
import { z } from 'zod';
import { duration, positive, wholePositive } from '../../account-fields';

/** Source: platform.openai.com/docs/guides/batch. */
const MAX_REQUESTS = 50_000;
const MAX_BYTES = 200_000_000;

const model = z.string().min(1, 'must name a model');

export const openaiBatchApiFields = {
  batchApi: z
    .strictObject({
      maxRequests: wholePositive
        .max(MAX_REQUESTS, `must be at most ${MAX_REQUESTS}, which the vendor takes`)
        .default(MAX_REQUESTS)
        .describe('Requests in one file; more items make more files.'),
      maxBytes: wholePositive
        .max(MAX_BYTES, `must be at most ${MAX_BYTES}, which the vendor takes`)
        .default(MAX_BYTES)
        .describe('Bytes of one file.'),
      enqueuedTokens: z
        .record(model, wholePositive)
        .default({})
        .describe(
          'Input tokens that may wait in the queue at once, by model (the console calls it batch queue limit). Learned from refusals too.',
        ),
      pollSeconds: duration('seconds', { min: 0.05 })
        .prefault(15)
        .describe('First poll of a file’s batch; polls become rarer while nothing changes.'),
      pollMaxSeconds: duration('seconds', { min: 0.05 })
        .prefault('2h')
        .describe('Longest time between two polls.'),
      settleSeconds: duration('seconds', { min: 0 })
        .prefault(60)
        .describe(
          'A creation without an answer is looked up for this long before it is repeated; for five times as long, answers that would lose what was paid for are requested again.',
        ),
    })
    .prefault({})
    .describe('Batches that go by files: sluice batch start --via batch-api.'),
  prices: z
    .record(model, z.strictObject({ input: positive, output: positive }))
    .default({})
    .describe('USD for a million tokens, by model; for the sums in a batch’s plan. None are built in.'),
} as const;
