/** Texts for a batch that is delivered in files: the plan with its cost, and the vendor's batches with their states. */
import type { BatchPart } from '../../../store/batches/parts';
import type { DeliveryChange, FilePlan } from '../../operations/batches/delivery-mode';
import { countText, instantText, pluralText } from '../../operations/time-text';
import { table } from '../output';

/** @param chosen the batch is to go by files. */
export function filePlanLines(plan: FilePlan, model: string, chosen: boolean): readonly string[] {
  const { files, tokens, enqueuedTokens, rounds, price } = plan;
  const queue =
    enqueuedTokens === null
      ? `the queue's limit for ${model} is not set (batchApi.enqueuedTokens) and is learned from the vendor`
      : `${countText(enqueuedTokens)} may wait at once${rounds === 1 ? '' : `: ${countText(rounds ?? 1)} rounds`}`;
  const mode = chosen ? 'By files' : 'With --via batch-api';
  return [
    `${mode}: ${pluralText(files, 'file')}, each answered within 24 hours; some ${countText(tokens)} input tokens, and ${queue}.`,
    price === null
      ? `${shareText(plan.priceShare)} by files (--via batch-api); for sums, set prices.${model} of the account.`
      : `Costs about ${usd(price.calls)} by calls of their own, ${usd(price.files)} by files (--via batch-api): ${usd(price.saved)} less.`,
  ];
}

function shareText(share: number): string {
  return share === 0.5 ? 'Costs half of the price' : `Costs ${Math.round(share * 100)} % of the price`;
}

function usd(amount: number): string {
  return `${amount.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: amount < 1 ? 4 : 2 })} USD`;
}

export function deliveryChangeText({ to, cancelled: { files, items } }: DeliveryChange): string {
  if (to === 'batch-api') {
    return 'goes by files from now on (was by calls of its own); answers to calls in flight are kept';
  }
  const recall =
    files === 0
      ? ''
      : `; ${pluralText(files, 'file')} with ${countText(items)} items ${files === 1 ? 'is' : 'are'} cancelled at the vendor first, and what was answered is kept`;
  return `goes by calls of its own from now on (was by files)${recall}`;
}

/** One line of the vendor's batches that have not ended, for whoever follows; empty when there are none. */
export function atVendorText(parts: readonly BatchPart[]): string {
  const out = parts.filter(({ state }) => state === 'created');
  if (out.length === 0) return '';
  const counted = out.reduce((sum, { completed, failed }) => sum + completed + failed, 0);
  const statuses = [...new Set(out.map(({ status }) => status))].join(', ');
  return `${pluralText(out.length, 'file')} with the vendor: ${statuses}, ${countText(counted)} answered there`;
}

export function partLines(parts: readonly BatchPart[]): readonly string[] {
  if (parts.length === 0) return [];
  const rows = parts.map((part) => [
    String(part.id),
    part.vendorId ?? '-',
    stateOf(part),
    countText(part.items),
    countText(part.completed),
    countText(part.failed),
    part.state === 'settled' || part.expiresAt === null ? '-' : instantText(part.expiresAt),
    part.note.length > 60 ? `${part.note.slice(0, 59)}…` : part.note,
  ]);
  return [
    'Files:',
    table(['part', 'vendor batch', 'state', 'items', 'answered', 'failed', 'expires', 'note'], rows),
  ];
}

/** The vendor's status where there is one, else ours. */
function stateOf({ state, status }: BatchPart): string {
  if (status === '') return state === 'settled' ? 'given up' : state;
  return state === 'ended' ? `${status}, being read` : status;
}
