/** The Batch API: batches, what they hold in the queue, and the files that they leave. */

import { z } from 'zod';
import { pickBetween } from '../../../kit/random';
import { json } from '../../../kit/server/server';
import type { SimAnswer } from '../../../kit/vendor';
import { errorAnswer, invalidRequest, noSuchBatch } from '../answers/errors';
import type { Principal } from '../keys';
import type { BatchOutcome, OpenAiScenario } from '../options';
import { isRecord, parseJson } from '../validate';
import { type FileDesk, name, type ResultFile } from './files';
import { type CheckedInput, checkBatchInput } from './input';
import { type EndedBatch, failedOf, filesOf, resultPieces, runOrder } from './results';
import {
  type BatchState,
  batchSchema,
  isOver,
  type SimBatch,
  stateOf,
  type Verdict,
  verdictSchema,
} from './state';
import { viewBatch } from './view';

const ENDPOINT = '/v1/responses';
const cancelSchema = z.object({ type: z.literal('batch-cancel'), id: z.string(), at: z.number() });

type Input = CheckedInput & { readonly order: readonly number[] };

export class BatchDesk {
  settings: OpenAiScenario['batches'];
  private outcomes: { outcome: BatchOutcome; left: number }[];
  /** In the order of creation. */
  private readonly batches = new Map<string, SimBatch>();
  private readonly verdicts = new Map<string, Verdict>();
  private readonly cancelledAt = new Map<string, number>();
  private readonly inputs = new Map<string, Input>();
  private readonly checking = new Set<string>();
  private readonly byResultFile = new Map<string, { batch: SimBatch; which: 'output' | 'errors' }>();
  private readonly sizes = new Map<string, number>();

  constructor(
    private readonly scenario: OpenAiScenario,
    private readonly files: () => FileDesk,
    private readonly record: (entry: unknown) => void,
    private readonly clock: () => number,
  ) {
    this.settings = scenario.batches;
    this.outcomes = [];
    for (const outcome of scenario.batches.outcomes) this.addOutcome(outcome);
  }

  create(principal: Principal, body: string, now: number): SimAnswer {
    const refuse = (message: string, param: string | null, code: string | null = null) =>
      errorAnswer(400, invalidRequest(message, param, code));
    const wish = parseJson(body);
    if (!isRecord(wish)) return refuse('We could not parse the JSON body of your request.', null);
    const { input_file_id: fileId, endpoint, completion_window: window, metadata } = wish;
    for (const field of ['input_file_id', 'endpoint', 'completion_window']) {
      if (typeof wish[field] !== 'string') {
        return refuse(`Missing required parameter: '${field}'.`, field, 'missing_required_parameter');
      }
    }
    if (endpoint !== ENDPOINT) {
      return refuse(
        `Invalid value: '${endpoint}'. Supported values are: '${ENDPOINT}'.`,
        'endpoint',
        'invalid_value',
      );
    }
    if (window !== '24h') {
      return refuse(
        `Invalid value: '${window}'. Supported values are: '24h'.`,
        'completion_window',
        'invalid_value',
      );
    }
    const file = this.files().find(principal.project, String(fileId));
    if (!file) {
      return refuse(
        `Cannot find file ${fileId}, or project proj_${principal.project} does not have access to it.`,
        'file_id',
      );
    }
    if (file.purpose !== 'batch') {
      return refuse(`Invalid file purpose: '${file.purpose}'. Batches need 'batch'.`, 'input_file_id');
    }
    const batch = this.settle(principal, file.id, isRecord(metadata) ? metadata : null, now);
    this.store(batch);
    this.record(batch);
    this.check(batch);
    return { ...json(200, this.view(batch, now)), detail: { batchId: batch.id } };
  }

  get(project: string, id: string, now: number): SimAnswer {
    const batch = this.find(project, id);
    if (!batch) return errorAnswer(404, noSuchBatch(id));
    // After a restart the check may have to be done again.
    this.check(batch);
    return { ...json(200, this.view(batch, now)), detail: { status: this.state(batch, now).status } };
  }

  cancel(project: string, id: string, now: number): SimAnswer {
    const batch = this.find(project, id);
    if (!batch) return errorAnswer(404, noSuchBatch(id));
    const { status } = this.state(batch, now);
    if (status !== 'validating' && status !== 'in_progress') {
      return errorAnswer(409, invalidRequest(`Cannot cancel a batch with status '${status}'.`, null, null));
    }
    this.cancelledAt.set(id, now);
    this.record({ type: 'batch-cancel', id, at: now });
    return json(200, this.view(batch, now));
  }

  /** Newest first. */
  list(project: string, now: number): unknown[] {
    return [...this.batches.values()]
      .filter((b) => b.project === project)
      .reverse()
      .map((b) => this.view(b, now));
  }

  /** The result file of a batch that has ended, or undefined. */
  resultFile(id: string, now: number): ResultFile | undefined {
    const found = this.byResultFile.get(id);
    const ended = found && this.ended(found.batch, now);
    if (!found || !ended || !filesOf(ended)[found.which]) return undefined;
    const { batch, which } = found;
    const content = this.files().read(batch.inputFileId);
    const pieces = () => resultPieces(this.scenario, content, ended, which);
    return {
      id,
      project: batch.project,
      filename: `${batch.id}_${which === 'output' ? 'output' : 'error'}.jsonl`,
      createdAt: now,
      pieces,
      bytes: async () => {
        let bytes = this.sizes.get(id);
        if (bytes === undefined) {
          bytes = 0;
          for await (const piece of pieces()) bytes += piece.length;
          this.sizes.set(id, bytes);
        }
        return bytes;
      },
    };
  }

  addOutcome(outcome: BatchOutcome): void {
    this.outcomes.push({ outcome, left: outcome.count ?? Number.POSITIVE_INFINITY });
  }

  clearOutcomes(): void {
    this.outcomes = [];
  }

  stats(now: number): Record<string, unknown> {
    const byStatus: Record<string, number> = {};
    for (const batch of this.batches.values()) {
      const { status } = this.state(batch, now);
      byStatus[status] = (byStatus[status] ?? 0) + 1;
    }
    return { created: this.batches.size, byStatus };
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const batch = batchSchema.safeParse(entry);
    if (batch.success) {
      this.takeOutcome(batch.data.project);
      this.store(batch.data);
      return true;
    }
    const verdict = verdictSchema.safeParse(entry);
    if (verdict.success) this.verdicts.set(verdict.data.id, verdict.data);
    const cancel = cancelSchema.safeParse(entry);
    if (cancel.success) this.cancelledAt.set(cancel.data.id, cancel.data.at);
    return verdict.success || cancel.success;
  }

  private settle(
    principal: Principal,
    inputFileId: string,
    metadata: Record<string, unknown> | null,
    now: number,
  ): SimBatch {
    const { validatingMs, finalizingMs, cancellingMs, windowMs, requestsPerSecond } = this.settings;
    const number = this.batches.size;
    const { seed } = this.scenario;
    const pick = (range: { min: number; max: number }, what: string) =>
      pickBetween(range.min, range.max, seed, number, what);
    return {
      type: 'batch',
      number,
      id: `batch_${name(seed, number, 'batch')}`,
      ...principal,
      inputFileId,
      endpoint: ENDPOINT,
      metadata,
      createdAt: now,
      validUntil: now + pick(validatingMs, 'validating'),
      expiresAt: now + windowMs,
      requestsPerSecond,
      finalizingMs: pick(finalizingMs, 'finalizing'),
      cancellingMs: pick(cancellingMs, 'cancelling'),
      outcome: this.takeOutcome(principal.project),
    };
  }

  private takeOutcome(project: string): BatchOutcome | null {
    const found = this.outcomes.find(
      (o) => o.left > 0 && (o.outcome.project === '*' || o.outcome.project === project),
    );
    if (!found) return null;
    found.left--;
    return found.outcome;
  }

  private store(batch: SimBatch): void {
    this.batches.set(batch.id, batch);
    for (const which of ['output', 'errors'] as const) {
      this.byResultFile.set(this.resultFileId(batch, which), { batch, which });
    }
  }

  private resultFileId(batch: SimBatch, which: 'output' | 'errors'): string {
    return `file-${name(this.scenario.seed, batch.number, which)}`;
  }

  private find(project: string, id: string): SimBatch | undefined {
    const batch = this.batches.get(id);
    return batch?.project === project ? batch : undefined;
  }

  private state(batch: SimBatch, now: number): BatchState {
    return stateOf(batch, this.verdicts.get(batch.id), this.cancelledAt.get(batch.id) ?? null, now);
  }

  /** Checks the input in slices; a small file is done when this returns. */
  private check(batch: SimBatch): void {
    if (this.verdicts.has(batch.id) || this.checking.has(batch.id)) return;
    this.checking.add(batch.id);
    const content = this.files().read(batch.inputFileId);
    const steps = checkBatchInput(content, batch.endpoint, batch.id, this.scenario);
    const advance = () => {
      const step = steps.next();
      if (step.done) this.conclude(batch, step.value);
      else setImmediate(advance);
    };
    advance();
  }

  private conclude(batch: SimBatch, checked: CheckedInput): void {
    const now = this.clock();
    const { outcome } = batch;
    const errors = [...checked.errors];
    if (errors.length === 0 && outcome?.end === 'failed') {
      const { code, message, line = null } = outcome;
      errors.push({ code, message, line, param: null });
    }
    if (
      errors.length === 0 &&
      this.enqueued(batch.project, checked.model, now) + checked.inputTokens > this.settings.enqueuedTokens
    ) {
      const limit = this.settings.enqueuedTokens.toLocaleString('en-US');
      const message = `Enqueued token limit reached for ${checked.model} in organization ${batch.organization}. Limit: ${limit} enqueued tokens. Please try again once some in_progress batches have been completed.`;
      errors.push({ code: 'token_limit_exceeded', message, line: null, param: null });
    }
    const verdict: Verdict = {
      type: 'batch-checked',
      id: batch.id,
      startsAt: Math.max(batch.validUntil, now),
      total: checked.lines.length,
      model: checked.model,
      inputTokens: checked.inputTokens,
      errors,
    };
    this.remember(batch, checked);
    this.verdicts.set(batch.id, verdict);
    this.record(verdict);
  }

  /** Input tokens of the batches of a project and model that have not ended. */
  private enqueued(project: string, model: string, now: number): number {
    let tokens = 0;
    for (const batch of this.batches.values()) {
      const verdict = this.verdicts.get(batch.id);
      if (batch.project !== project || verdict?.model !== model || verdict.errors.length > 0) continue;
      if (!isOver(this.state(batch, now).status)) tokens += verdict.inputTokens;
    }
    return tokens;
  }

  private remember(batch: SimBatch, checked: CheckedInput): Input {
    const input = { ...checked, order: runOrder(this.scenario.seed, batch.id, checked.lines.length) };
    this.inputs.set(batch.id, input);
    return input;
  }

  /** The checked lines; after a restart they are read once more. */
  private input(batch: SimBatch): Input {
    const held = this.inputs.get(batch.id);
    if (held) return held;
    const content = this.files().read(batch.inputFileId);
    const steps = checkBatchInput(content, batch.endpoint, batch.id, this.scenario);
    let step = steps.next();
    while (!step.done) step = steps.next();
    return this.remember(batch, step.value);
  }

  private ended(batch: SimBatch, now: number): EndedBatch | undefined {
    const { status, run, at } = this.state(batch, now);
    if (status !== 'completed' && status !== 'expired' && status !== 'cancelled') return undefined;
    if (!this.verdicts.has(batch.id)) return undefined;
    const { lines, order } = this.input(batch);
    return { batch, lines, order, run, end: status, startedAt: at.in_progress ?? batch.createdAt };
  }

  private view(batch: SimBatch, now: number): unknown {
    const state = this.state(batch, now);
    const ended = this.ended(batch, now);
    const has = ended ? filesOf(ended) : { output: false, errors: false };
    return viewBatch(batch, this.verdicts.get(batch.id), state, {
      failed: state.run > 0 ? failedOf(this.input(batch).lines, this.input(batch).order, state.run) : 0,
      outputFileId: has.output ? this.resultFileId(batch, 'output') : null,
      errorFileId: has.errors ? this.resultFileId(batch, 'errors') : null,
      noId: this.settings.emptyIds ? '' : null,
    });
  }
}
