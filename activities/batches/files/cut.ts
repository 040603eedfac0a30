/** Cuts a batch's items into files: as many requests, bytes and tokens as one may hold, written line by line. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Batch } from '../../../store/batches/batches';
import type { ClaimedItem } from '../../../store/batches/claims';
import { type ItemOutcome, storeOutcomes } from '../../../store/batches/outcomes';
import { type BatchPart, claimForPart, partItems } from '../../../store/batches/parts';
import type { TextBatchApi } from '../../../vendors/capabilities/text-batches';
import type { TextApi, TextRequest } from '../../../vendors/capabilities/texts';
import { renderPrompt } from '../../../vendors/prompt';
import { customIdOf } from './types';

export interface FileBounds {
  readonly requests: number;
  readonly bytes: number;
  /** Input tokens; Infinity without a known limit. */
  readonly tokens: number;
}

/** What a file holds so far, and whether one more request fits. The first always does: alone it must go somehow. */
export class FileMeasure {
  requests = 0;
  bytes = 0;
  tokens = 0;

  constructor(private readonly bounds: FileBounds) {}

  get full(): boolean {
    const { requests, bytes, tokens } = this.bounds;
    return this.requests >= requests || this.bytes >= bytes || this.tokens >= tokens;
  }

  /** False: it does not fit, and nothing has changed. */
  add(bytes: number, tokens: number): boolean {
    const { bounds } = this;
    if (this.requests >= bounds.requests || this.bytes + bytes > bounds.bytes) return false;
    if (this.requests > 0 && this.tokens + tokens > bounds.tokens) return false;
    this.requests++;
    this.bytes += bytes;
    this.tokens += tokens;
    return true;
  }
}

/** Items claimed at once. */
const CHUNK = 200;
/** Characters tokenized in one go; other work of the process has its turn in between. */
const TURN_CHARACTERS = 200_000;

export interface CutContext {
  readonly batch: Batch;
  readonly texts: TextApi;
  readonly api: TextBatchApi;
}

export class PartCutter {
  constructor(
    private readonly db: Pool,
    private readonly context: CutContext,
  ) {}

  /**
   * Claims items for a part until its file is full. An item that no file can hold fails.
   * @param room requests and tokens that may go; `most`: tokens that the vendor's queue ever holds, Infinity when
   * unknown.
   */
  async cut(
    part: BatchPart,
    room: { readonly calls: number; readonly tokens: number; readonly most: number },
    signal: AbortSignal,
  ): Promise<FileMeasure> {
    const { maxBytes } = this.context.api;
    const { most } = room;
    const maxRequests = Math.min(this.context.api.maxRequests, room.calls);
    const measure = new FileMeasure({ requests: maxRequests, bytes: maxBytes, tokens: room.tokens });
    let characters = 0;
    let full = false;
    while (!full && !measure.full) {
      signal.throwIfAborted();
      const items = await claimForPart(this.db, part, Math.min(CHUNK, maxRequests - measure.requests));
      if (items.length === 0) break;
      const outcomes: ItemOutcome[] = [];
      for (const item of items) {
        const { seq } = item;
        if (full) {
          outcomes.push({ seq, state: 'released' });
          continue;
        }
        const sized = this.sized(item);
        const problem = typeof sized === 'string' ? sized : tooLarge(sized, maxBytes, most);
        if (problem !== null) {
          outcomes.push({ seq, state: 'failed', evidence: { kind: 'invalid', reason: problem } });
        } else if (typeof sized !== 'string' && !measure.add(sized.bytes, sized.tokens)) {
          full = true;
          outcomes.push({ seq, state: 'released' });
        }
        characters += typeof sized === 'string' ? 0 : sized.bytes;
        if (characters < TURN_CHARACTERS) continue;
        characters = 0;
        await turn();
      }
      await storeOutcomes(this.db, part.batchId, part.key, outcomes);
    }
    return measure;
  }

  /** The lines of a part's file, as they were measured. */
  async *lines(part: BatchPart): AsyncGenerator<string> {
    for await (const page of partItems(this.db, part)) {
      for (const item of page) yield this.line(item.seq, this.request(item));
    }
  }

  private sized(item: ClaimedItem): { readonly bytes: number; readonly tokens: number } | string {
    try {
      const request = this.request(item);
      return {
        bytes: Buffer.byteLength(this.line(item.seq, request)),
        tokens: this.context.api.inputTokens(request),
      };
    } catch (error) {
      if (error instanceof RangeError) return error.message;
      throw error;
    }
  }

  private request({ variables }: Pick<ClaimedItem, 'variables'>): TextRequest {
    const { texts, batch } = this.context;
    const { model, prompt, options } = batch;
    const job = { model, prompt, maxOutputTokens: options.maxOutputTokens };
    return texts.request(job, renderPrompt(prompt, variables));
  }

  private line(seq: number, request: TextRequest): string {
    return this.context.api.line(customIdOf(seq), request);
  }
}

function tooLarge(
  { bytes, tokens }: { readonly bytes: number; readonly tokens: number },
  maxBytes: number,
  mostTokens: number,
): string | null {
  if (bytes > maxBytes) return `the request takes ${bytes} bytes, and a file holds ${maxBytes}`;
  if (tokens > mostTokens) {
    return `the request takes some ${tokens} tokens, and the vendor's queue holds ${mostTokens}`;
  }
  return null;
}
