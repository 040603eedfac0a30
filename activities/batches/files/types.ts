/** Types shared by the steps of a batch that is delivered in files. */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import type { Account } from '../../../settings/accounts/accounts';
import type { Batch } from '../../../store/batches/batches';
import type { BatchRefusal, TextBatchApi } from '../../../vendors/capabilities/text-batches';
import type { TextApi } from '../../../vendors/capabilities/texts';
import type { TokenSource } from '../../gateway/call-terms';
import type { VendorGateway } from '../../gateway/vendor-call';

export interface BatchApiDeps {
  readonly db: Pool;
  readonly gateway: VendorGateway;
  readonly log: Logger;
  readonly dispatcher: Dispatcher;
  readonly inlineWaitMs: number;
  /** Longest wait for a connection, ms. */
  readonly connectTimeoutMs: number;
}

export interface BatchApiContext {
  readonly batch: Batch;
  readonly account: Account;
  readonly texts: TextApi;
  readonly api: TextBatchApi;
  readonly auth: TokenSource;
  readonly signal: AbortSignal;
  /** Aborted when nothing more is to be begun; what is under way is finished. */
  readonly ending: AbortSignal;
}

/** What all items have in common is refused, or a person has to decide: no item is to blame, and the batch pauses. */
export class NeedsOperator extends Error {
  override readonly name = 'NeedsOperator';
}

/** An answer that does not match its contract, or results that end too early: requested again. */
export class BrokenAnswer extends Error {
  override readonly name: string = 'BrokenAnswer';
}

/**
 * An answer that cannot be right, and that would cost what was paid for if it were: requested again for a while, and then
 * believed.
 */
export class DoubtfulAnswer extends BrokenAnswer {
  override readonly name = 'DoubtfulAnswer';
}

/** The vendor would not make a batch of a file that it has: what follows depends on why. */
export class CreateRefused extends Error {
  override readonly name = 'CreateRefused';
  constructor(readonly refusal: BatchRefusal) {
    super(`no batch is made of the file yet: ${refusal.text}`);
  }
}

/** Another run of the same activity has gone on with the part. */
export class PartMoved extends Error {
  override readonly name = 'PartMoved';
  constructor() {
    super('another run has gone on with this part');
  }
}

const CUSTOM_ID = /^item-(\d{1,9})$/;

/** Names an item in a file of requests, and its line among the results. */
export function customIdOf(seq: number): string {
  return `item-${seq}`;
}

/** Null when the name is none of ours. */
export function seqOf(customId: string): number | null {
  const digits = CUSTOM_ID.exec(customId)?.[1];
  return digits === undefined ? null : Number(digits);
}
