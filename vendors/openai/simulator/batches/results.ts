/** The lines of a batch's output and error files, written when they are read. */
import { setImmediate as turn } from 'node:timers/promises';
import { hash32 } from '../../../kit/random';
import { makeResponse } from '../answers/response-object';
import { inputHash } from '../answers/text';
import type { OpenAiScenario } from '../options';
import { isRecord, parseJson } from '../validate';
import { name } from './files';
import { type BatchLine, resultOf } from './input';
import type { SimBatch } from './state';

/** Lines are handed on in pieces of about this many characters, so that other calls are judged in between. */
const PIECE = 64 * 1024;

const NOT_RUN = {
  expired: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
  cancelled: {
    code: 'batch_cancelled',
    message: 'This request was not executed because the batch was cancelled.',
  },
} as const;

/** Places of the requests in the order in which they are run, which is not that of the file. */
export function runOrder(seed: number, batchId: string, count: number): number[] {
  const keys = Array.from({ length: count }, (_, i) => hash32(seed, batchId, i, 'order'));
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0) || a - b);
}

export interface EndedBatch {
  readonly batch: SimBatch;
  readonly lines: readonly BatchLine[];
  readonly order: readonly number[];
  /** Requests run before the end. */
  readonly run: number;
  readonly end: 'completed' | 'expired' | 'cancelled';
  readonly startedAt: number;
}

/** Whether the output file and the error file have any line. */
export function filesOf({ lines, order, run }: EndedBatch): { output: boolean; errors: boolean } {
  const failed = failedOf(lines, order, run);
  return { output: failed < run, errors: failed > 0 || run < lines.length };
}

/** How many of the first `run` requests failed. */
export function failedOf(lines: readonly BatchLine[], order: readonly number[], run: number): number {
  let failed = 0;
  for (let k = 0; k < run; k++) if (lines[order[k] ?? 0]?.fails) failed++;
  return failed;
}

/** The lines of one of the two files, as JSONL. `content` is the input file. */
export async function* resultPieces(
  scenario: OpenAiScenario,
  content: Buffer,
  ended: EndedBatch,
  which: 'output' | 'errors',
): AsyncGenerator<Buffer> {
  let piece = '';
  for (const [k, place] of ended.order.entries()) {
    const line = ended.lines[place];
    if (!line) continue;
    const run = k < ended.run;
    if ((run && !line.fails) !== (which === 'output')) continue;
    piece += `${JSON.stringify(resultLine(scenario, content, ended, line, k, run))}\n`;
    if (piece.length < PIECE) continue;
    yield Buffer.from(piece);
    piece = '';
    await turn();
  }
  if (piece !== '') yield Buffer.from(piece);
}

function resultLine(
  scenario: OpenAiScenario,
  content: Buffer,
  { batch, end, startedAt }: EndedBatch,
  line: BatchLine,
  k: number,
  run: boolean,
): unknown {
  const id = name(scenario.seed, k, batch.id);
  const common = { id: `batch_req_${id}`, custom_id: line.customId };
  if (!run) return { ...common, response: null, error: end === 'completed' ? null : NOT_RUN[end] };
  const asked = content.toString('utf8', line.from, line.to);
  const odd = scenario.batches.oddLines.find(({ contains }) => asked.includes(contains));
  if (odd) {
    const { status: status_code, body, error } = odd;
    return { ...common, response: { status_code, request_id: '', body }, error };
  }
  const entry = parseJson(asked);
  const result = resultOf(isRecord(entry) ? entry.body : undefined, batch.id, line.customId, scenario);
  const runAt = startedAt + (k / batch.requestsPerSecond) * 1000;
  const [status_code, body] = result.ok
    ? [200, makeResponse(scenario, result.request, inputHash(result.request), id, runAt)]
    : [result.status, { error: result.error }];
  return { ...common, response: { status_code, request_id: `req_${id}`, body }, error: null };
}
