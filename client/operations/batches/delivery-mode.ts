/** The delivery mode of a batch: one call per item, or files of items. Parses it, changes it, and plans what files take and cost. */
import type { Pool } from 'pg';
import { type BatchPrice, batchPrice } from '../../../quota/batches/price';
import { type Batch, type DeliveryMode, setDeliveryMode } from '../../../store/batches/batches';
import { type BatchPart, openParts } from '../../../store/batches/parts';
import type { TextBatchApi } from '../../../vendors/capabilities/text-batches';
import { invalid } from '../errors';
import { countText, pluralText } from '../time-text';
import { type BatchRequest, requestFor, type TextAccount } from './batch';
import type { InputCheck } from './input';

const DELIVERY_MODES: readonly DeliveryMode[] = ['responses', 'batch-api'];

/** Output tokens of a text, where nothing caps them; only for the plan. */
const USUAL_OUTPUT = 400;

/** @returns undefined when nothing was given. @throws OperationError when it is no delivery mode, or the vendor does not support it. */
export function parseVia(text: string | undefined, { account }: TextAccount): DeliveryMode | undefined {
  if (text === undefined) return undefined;
  const via = DELIVERY_MODES.find((mode) => mode === text);
  if (!via) throw invalid('via', `"${text}" must be ${DELIVERY_MODES.join(' or ')}`);
  if (via === 'batch-api' && !account.parts.textBatches) {
    throw invalid(
      'via',
      `the vendor of "${account.name}" (${account.vendor.id}) takes no files; leave it out`,
    );
  }
  return via;
}

/**
 * Changes the delivery mode of all items that have not ended. Results that exist are kept.
 * @returns notes for the operator; empty when nothing changes.
 */
export async function changeDeliveryMode(
  db: Pool,
  known: Batch,
  via: DeliveryMode | undefined,
): Promise<readonly string[]> {
  if (via === undefined || via === known.via) return [];
  await setDeliveryMode(db, known.id, via);
  if (via === 'batch-api') {
    return ['goes by files from now on (was by calls of its own); calls in flight still come home'];
  }
  const out = (await openParts(db, known.id)).filter(
    ({ state }) => state === 'creating' || state === 'created',
  );
  const recall =
    out.length === 0
      ? ''
      : `; ${pluralText(out.length, 'file')} with ${countText(itemsOf(out))} items ${out.length === 1 ? 'is' : 'are'} cancelled at the vendor first, and what was answered is kept`;
  return [`goes by calls of its own from now on (was by files)${recall}`];
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
