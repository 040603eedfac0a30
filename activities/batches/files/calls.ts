/** The calls that a part of a batch needs, each through the gateway. */
import { Readable } from 'node:stream';
import { MINUTE_MS } from '../../../quota/durations';
import type { BatchPart } from '../../../store/batches/parts';
import type { FileUpload, VendorBatch } from '../../../vendors/capabilities/text-batches';
import type { CallResult } from '../../../vendors/contract';
import type { HttpRequest, Parsed } from '../../../vendors/http';
import { type StreamResult, sendForStream, sendForText } from '../../gateway/http/http';
import { type BatchApiContext, type BatchApiDeps, BrokenAnswer } from './types';

/** Clocks of the vendor and ours may differ by this much, ms. */
const CLOCK_SKEW_MS = 10 * MINUTE_MS;
/** Labels of the vendor's batch, for its console; it is found again by the key. */
const LABEL = { key: 'sluice_key', batch: 'sluice_batch', part: 'sluice_part' } as const;

/** A file of results; `hide` takes the key out of a line of it. */
export interface ResultFile {
  readonly stream: Readable;
  readonly hide: (line: string) => string;
}

export class BatchApiCalls {
  constructor(
    private readonly deps: BatchApiDeps,
    private readonly context: BatchApiContext,
  ) {}

  /** Sends a part's file as it is written. @param lines must come to exactly the part's bytes. @returns the file's id. */
  async upload(part: BatchPart, lines: () => AsyncIterable<string>): Promise<string> {
    const { api } = this.context;
    const upload = api.upload(`sluice-${part.batchId}-${part.id}.jsonl`, part.bytes);
    const result = await this.call(api.operations.upload, part, upload.request, () =>
      Readable.from(formOf(upload, lines()), { objectMode: false }),
    );
    return parsed(api.parseFile(bodyOf(result)), 'upload');
  }

  /**
   * Has the vendor make a batch of the part's file.
   * @param leaving runs when nothing but the network is in between: what it throws keeps the call from leaving.
   * @param left called with the outcome, also when that is an error.
   */
  async create(
    part: BatchPart,
    fileId: string,
    leaving: () => Promise<void>,
    left: (result: CallResult) => void,
  ): Promise<VendorBatch> {
    const { api } = this.context;
    const labels = {
      [LABEL.key]: part.key,
      [LABEL.batch]: String(part.batchId),
      [LABEL.part]: String(part.id),
    };
    const request = api.create(fileId, labels);
    const result = await this.call(api.operations.create, part, request, undefined, { leaving, left });
    return parsed(api.parseBatch(bodyOf(result)), 'creation');
  }

  /** The batch that the vendor has made of a part, although its answer was lost; null when its list holds none. */
  async find(part: BatchPart): Promise<VendorBatch | null> {
    for await (const page of this.pages(part)) {
      const found = page.batches.find((batch) => isOf(part, batch));
      if (found) return found;
      const ours = page.unusable.find((batch) => isOf(part, batch));
      if (ours)
        throw new BrokenAnswer(`the list shows ${ours.id ?? 'our batch'} unreadably: ${ours.problem}`);
    }
    return null;
  }

  /** Batches of the part's key besides the one that it goes by. */
  async twins(part: BatchPart): Promise<VendorBatch[]> {
    const found: VendorBatch[] = [];
    for await (const page of this.pages(part)) {
      found.push(...page.batches.filter((batch) => isOf(part, batch) && batch.id !== part.vendorId));
    }
    return found;
  }

  /** The vendor's list, newest first, as far back as the part may stand in it. */
  private async *pages(part: BatchPart) {
    const { api } = this.context;
    // Of several creations the first is the oldest that there may be.
    const asked = part.remade ? null : part.askedAt;
    const since = (asked ?? part.createdAt) - CLOCK_SKEW_MS;
    const seen = new Set<string>();
    for (let after: string | null = null; ; ) {
      const result: CallResult = await this.call(api.operations.list, part, api.list(after));
      const page = parsed(api.parseList(bodyOf(result)), 'list of batches');
      yield page;
      const oldest = page.batches.at(-1)?.createdAt ?? null;
      if (page.after === null || (oldest !== null && oldest < since)) return;
      // A list in a circle shows nothing: not that there is no such batch either.
      if (seen.has(page.after)) throw new BrokenAnswer(`the list of batches goes round at ${page.after}`);
      seen.add(page.after);
      after = page.after;
    }
  }

  /** @param left called with the outcome, also when that is an error. */
  async get(part: BatchPart, id: string, left: (result: CallResult) => void): Promise<VendorBatch> {
    const { api } = this.context;
    const result = await this.call(api.operations.get, part, api.get(id), undefined, { left });
    return parsed(api.parseBatch(bodyOf(result)), 'batch');
  }

  async cancel(part: BatchPart, id: string): Promise<VendorBatch> {
    const { api } = this.context;
    const result = await this.call(api.operations.cancel, part, api.cancel(id));
    return parsed(api.parseBatch(bodyOf(result)), 'cancellation');
  }

  /** A file of results as a stream, which the caller reads to its end or destroys. */
  async download(part: BatchPart, fileId: string): Promise<ResultFile> {
    const { api, signal } = this.context;
    const result = await this.deps.gateway.call({
      ...this.terms(api.operations.download, part),
      send: (key, abort, pass): Promise<StreamResult> => {
        const request = api.authorize(api.download(fileId), key ?? '');
        return sendForStream(request, { ...this.http(), signal: abort ?? signal, pass });
      },
    });
    if (result.stream === undefined) throw new BrokenAnswer('the file came without a body');
    return { stream: result.stream, hide: result.hide ?? ((line) => line) };
  }

  private call(
    operation: string,
    part: BatchPart,
    request: HttpRequest,
    content?: () => Readable,
    hooks: { readonly leaving?: () => Promise<void>; readonly left?: (result: CallResult) => void } = {},
  ): Promise<CallResult> {
    const { api } = this.context;
    return this.deps.gateway.call<CallResult>({
      ...this.terms(operation, part),
      send: async (key, signal, pass) => {
        await hooks.leaving?.();
        const body = content?.();
        const options = { ...this.http(), signal, pass, ...(body ? { content: body } : {}) };
        const result = await sendForText(api.authorize(request, key ?? ''), options);
        hooks.left?.(result);
        return result;
      },
    });
  }

  /** The terms under which a verdict that came in a file is applied: those of the call that the vendor made for us. */
  terms(operation: string, part: Pick<BatchPart, 'failures'>) {
    const { account, batch, auth, signal } = this.context;
    return {
      account,
      operation,
      priority: batch.priority,
      caller: batch.kind,
      auth,
      attempt: part.failures + 1,
      inlineWaitMs: this.deps.inlineWaitMs,
      tellsWaits: true,
      signal,
    };
  }

  private http() {
    return { dispatcher: this.deps.dispatcher, timeoutMs: this.context.api.timeoutMs };
  }
}

/** By our label; some vendors do not give labels back, but each file is sent for one part. */
function isOf(
  part: BatchPart,
  { labels, inputFileId }: Pick<VendorBatch, 'labels' | 'inputFileId'>,
): boolean {
  const label = labels[LABEL.key];
  return label === undefined ? inputFileId !== null && inputFileId === part.fileId : label === part.key;
}

/** The form piece by piece, in pieces of some 64 KiB. */
async function* formOf(upload: FileUpload, lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let text = upload.head;
  for await (const line of lines) {
    text += line;
    if (text.length < 65_536) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text + upload.tail);
}

/** A usable status with another body than the contract says. */
function parsed<T>(result: Parsed<T>, what: string): T {
  if (result.ok) return result.value;
  throw new BrokenAnswer(`the ${what} is not what it should be: ${result.problem}`);
}

function bodyOf(result: CallResult): string {
  return result.kind === 'response' ? result.response.body : '';
}
