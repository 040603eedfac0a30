/** The delivery mode of a batch: one call per item, or files of items. Checks it, changes it, and plans what files take and cost. */
import type { Pool } from 'pg';
import { type BatchPrice, batchPrice } from '../../../quota/batches/price';
import { type Batch, type DeliveryMode, setDeliveryMode } from '../../../store/batches/batches';
import { type BatchPart, openParts } from '../../../store/batches/parts';
import type { TextBatchApi } from '../../../vendors/capabilities/text-batches';
import { invalid } from '../errors';
import { type BatchRequest, requestFor, type TextAccount } from './batch';
import type { InputCheck } from './input';

export const DELIVERY_MODES = ['responses', 'batch-api'] as const satisfies readonly DeliveryMode[];

/** Output tokens of a text, where nothing caps them; only for the plan. */
const USUAL_OUTPUT = 400;

/** @throws OperationError when the account's vendor does not support it. */
export function checkVia(via: DeliveryMode | undefined, { account }: TextAccount): void {
  if (via !== 'batch-api' || account.parts.textBatches) return;
  throw invalid(
    'via',
    `the vendor of "${account.name}" (${account.vendor.id}) takes no files; leave it out`,
    'NOT_APPLICABLE',
  );
}

/** What has become of the delivery mode of items that have not ended. */
export interface DeliveryChange {
  readonly to: DeliveryMode;
  /** Of the vendor's, cancelled there first; what was answered is kept. */
  readonly cancelled: { readonly files: number; readonly items: number };
}

/**
 * Changes the delivery mode of all items that have not ended. Results that exist are kept.
 * @returns null when nothing changes.
 */
export async function changeDeliveryMode(
  db: Pool,
  known: Batch,
  via: DeliveryMode | undefined,
): Promise<DeliveryChange | null> {
  if (via === undefined || via === known.via) return null;
  await setDeliveryMode(db, known.id, via);
  if (via === 'batch-api') return { to: via, cancelled: { files: 0, items: 0 } };
  const out = (await openParts(db, known.id)).filter(
    ({ state }) => state === 'creating' || state === 'created',
  );
  return { to: via, cancelled: { files: out.length, items: itemsOf(out) } };
}

function itemsOf(parts: readonly BatchPart[]): number {
  return parts.reduce((sum, { items }) => sum + items, 0);
}

export interface FilePlan {
  readonly files: number;
  /** Input tokens of all items. */
  readonly tokens: number;
  /** That may wait at the vendor at once, by the settings; null when they do not say. */
  readonly enqueuedTokens: number | null;
  /** How often the queue is filled; each time takes up to 24 hours. Null when the queue's limit is not known. */
  readonly rounds: number | null;
  readonly priceShare: number;
  /** Null when the settings name no price of the model. */
  readonly price: BatchPrice | null;
}

/** What going by files would take and save; null when the account's vendor takes none. */
export function planFiles(
  { account, api }: TextAccount,
  request: BatchRequest,
  input: InputCheck,
): FilePlan | null {
  const byFiles = account.parts.textBatches;
  if (!byFiles) return null;
  const requests = input.first.map(({ variables }) => requestFor(api, request, variables));
  const mean = (of: (r: (typeof requests)[number]) => number) =>
    requests.reduce((sum, r) => sum + of(r), 0) / Math.max(1, requests.length);
  const inputTokens = mean((r) => byFiles.inputTokens(r));
  const bytes = mean((r) => Buffer.byteLength(byFiles.line(`item-${input.items}`, r)));
  const tokens = Math.ceil(input.items * inputTokens);
  const enqueuedTokens = byFiles.enqueuedTokens(request.model);
  return {
    files: filesFor(byFiles, input.items, bytes, tokens, enqueuedTokens),
    tokens,
    enqueuedTokens,
    rounds: enqueuedTokens === null ? null : Math.max(1, Math.ceil(tokens / enqueuedTokens)),
    priceShare: byFiles.priceShare,
    price: priceFor(byFiles, request, input.items, inputTokens),
  };
}

function filesFor(
  { maxRequests, maxBytes }: TextBatchApi,
  items: number,
  bytes: number,
  tokens: number,
  enqueuedTokens: number | null,
): number {
  const byTokens = enqueuedTokens === null ? 1 : tokens / enqueuedTokens;
  return Math.max(1, Math.ceil(Math.max(items / maxRequests, (items * bytes) / maxBytes, byTokens)));
}

function priceFor(
  byFiles: TextBatchApi,
  { model, options }: BatchRequest,
  items: number,
  inputTokens: number,
): BatchPrice | null {
  const price = byFiles.priceOf(model);
  if (price === null) return null;
  const outputTokens = Math.min(USUAL_OUTPUT, options.maxOutputTokens ?? USUAL_OUTPUT);
  return batchPrice({ items, inputTokens, outputTokens, price, fileShare: byFiles.priceShare });
}
