/** What a batch costs in each delivery mode, from the usual price and the share of it that files cost. Pure. */

export interface BatchPriceInput {
  readonly items: number;
  /** Of one item. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** USD for a million tokens. */
  readonly price: { readonly input: number; readonly output: number };
  /** What of the price is charged by files, 0..1. */
  readonly fileShare: number;
}

export interface BatchPrice {
  /** USD. */
  readonly calls: number;
  readonly files: number;
  readonly saved: number;
}

export function batchPrice({
  items,
  inputTokens,
  outputTokens,
  price,
  fileShare,
}: BatchPriceInput): BatchPrice {
  const calls = (items * (inputTokens * price.input + outputTokens * price.output)) / 1_000_000;
  const files = calls * fileShare;
  return { calls, files, saved: calls - files };
}
