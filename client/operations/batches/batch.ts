/** Starts batches: checks the input, plans, creates, and signals the workflow. */
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  createWriteStream,
  existsSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { type BatchLimit, type BatchPlan, planBatch } from '../../../quota/batches/plan';
import { dailyLimitOf, runCap } from '../../../quota/batches/run-terms';
import { type Priority, usableShare } from '../../../quota/limits/limit';
import type { Settings } from '../../../settings';
import { type Account, findAccount, limitsOfCall } from '../../../settings/accounts/accounts';
import {
  type Batch,
  type BatchOptions,
  type BatchSpec,
  type ChangedBy,
  type DeliveryMode,
  readBatch,
} from '../../../store/batches/batches';
import { type EndedItem, endedItems } from '../../../store/batches/items';
import { type LimitStatus, listLimits } from '../../../store/permits/permits';
import { startOrAttach } from '../../../temporal/start-or-attach';
import type { TextApi, TextRequest } from '../../../vendors/capabilities/texts';
import { renderPrompt } from '../../../vendors/prompt';
import type { batch } from '../../../workflows/batches/batch';
import { batchWorkflowId, itemsDueSignal, resumeSignal } from '../../../workflows/messages';
import { asField, invalid, problem } from '../errors';
import { hint } from '../hints';
import { filesOfToday } from '../pools/quota';
import type { InputCheck } from './input';

export interface TextAccount {
  readonly account: Account;
  readonly api: TextApi;
}

/** @throws UsageError when the kind is not `vendor/name` or the account is not one of that vendor's. */
export function textAccount(settings: Settings, kind: string, name: string): TextAccount {
  if (!/^[a-z0-9-]+\/[a-z0-9-]+$/.test(kind)) {
    throw invalid('kind', `"${kind}" must be vendor/name such as openai/bios`);
  }
  const account = asField('account', () => findAccount(settings, name));
  const { texts } = account.parts;
  if (!texts || account.vendor.id !== kind.split('/')[0]) {
    throw invalid(
      'account',
      `"${name}" is of ${account.vendor.id}, and ${kind} needs one that writes texts`,
      'NOT_APPLICABLE',
    );
  }
  return { account, api: texts };
}

export interface BatchRequest {
  readonly kind: string;
  readonly model: string;
  readonly prompt: string;
  readonly inputName: string;
  readonly options: BatchOptions;
  readonly priority: Priority;
  /** Default: calls of their own. */
  readonly via?: DeliveryMode;
}

/** What is stored of a batch. The digest is of all that decides its requests, and of nothing else. */
export function specOf(account: string, request: BatchRequest, input: InputCheck): BatchSpec {
  const { kind, model, prompt, options } = request;
  const digest = createHash('sha256')
    .update(JSON.stringify([kind, account, model, prompt, options.maxOutputTokens, input.digest]))
    .digest('hex');
  return { ...request, account, digest };
}

/** An item's request as it goes out. */
export function requestFor(
  api: TextApi,
  batchOf: Pick<Batch, 'model' | 'prompt' | 'options'>,
  variables: Readonly<Record<string, string>>,
): TextRequest {
  const { model, prompt, options } = batchOf;
  const job = { model, prompt, maxOutputTokens: options.maxOutputTokens };
  return api.request(job, renderPrompt(prompt, variables));
}

/** Output tokens of a text, where nothing caps them; only for the plan. */
const USUAL_OUTPUT = 400;

/** What the batch would take, from the limits as they stand. @param db null: nothing is known but the settings. */
export async function planFor(
  db: Pool | null,
  { account, api }: TextAccount,
  request: BatchRequest,
  input: InputCheck,
  latencyMs: { readonly min: number; readonly max: number },
  now: number,
): Promise<BatchPlan & { readonly tokensPerItem: number }> {
  const [stored, files] = await Promise.all([
    db === null ? [] : listLimits(db, account.poolKey),
    db === null ? null : filesOfToday(db, account, now),
  ]);
  const daily = dailyLimitOf(account.limits)?.name;
  const inFiles = files?.items ?? 0;
  const tokens = input.first.map(({ variables }) =>
    api.estimate(requestFor(api, request, variables), USUAL_OUTPUT),
  );
  const tokensPerItem = Math.ceil(tokens.reduce((sum, n) => sum + n, 0) / Math.max(1, tokens.length));
  const { priority } = request;
  const limits: BatchLimit[] = limitsOfCall(account, api.operation, api.attributes(request.model))
    .filter(({ template }) => template.mode === 'enforce')
    .map(({ key, template }) => {
      const known = stored.find((limit) => limit.key === key);
      const { window } = template;
      const isDaily = template.name === daily;
      const sized =
        known && window.kind === 'token-bucket'
          ? { ...window, burst: known.limit, ratePerSecond: known.ratePerSecond ?? window.ratePerSecond }
          : window;
      return {
        name: template.name,
        unit: template.unit,
        window: sized,
        used: (known?.used ?? 0) + (isDaily ? inFiles : 0),
        share: usableShare(template, priority),
        resetsAt: known?.resetsAt ?? (isDaily && inFiles > 0 ? (files?.dayEndsAt ?? null) : null),
      };
    });
  const own = ownLimit(account, api, request, stored);
  if (own) {
    const resetsAt = own.resetsAt ?? (inFiles > 0 ? (files?.dayEndsAt ?? null) : null);
    limits.push({ ...own, used: own.used + inFiles, resetsAt });
  }
  const concurrency = request.options.maxConcurrency ?? api.concurrency.max;
  const plan = planBatch({ items: input.items, tokensPerItem, limits, concurrency, latencyMs, now });
  return { ...plan, tokensPerItem };
}

/** The run's own daily limit or threshold as one more limit; null when it has none that binds it. */
function ownLimit(
  account: Account,
  api: TextApi,
  { options, priority }: BatchRequest,
  stored: readonly LimitStatus[],
): BatchLimit | null {
  const cap = runCap(account.limits, api, options, priority);
  const daily = dailyLimitOf(account.limits);
  if (cap === null || daily?.window.kind !== 'calendar') return null;
  const known = stored.find(({ name }) => name === cap.limit);
  return {
    name: "this run's daily limit",
    unit: 'calls',
    window: { ...daily.window, count: cap.calls },
    used: known?.used ?? 0,
    share: 1,
    resetsAt: known?.resetsAt ?? null,
  };
}

/** Starts the batch's workflow, or finds the one that runs. */
export async function startWorkflow(client: Client, settings: Settings, started: Batch): Promise<string> {
  const { id, kind, account, inputName } = started;
  const workflowId = batchWorkflowId(kind, account, id);
  await startOrAttach<typeof batch>(client, 'batch', {
    workflowId,
    taskQueue: settings.temporal.taskQueue,
    staticSummary: `Batch ${id}: ${kind} for ${account}, ${inputName}`,
    args: [{ batchId: id }],
  });
  return workflowId;
}

/** Starts the batch's workflow or lets the one that sleeps go on: after a pause, or because items have become due. */
export async function continueBatch(client: Client, settings: Settings, known: Batch): Promise<string> {
  const workflowId = await startWorkflow(client, settings, known);
  const handle = client.workflow.getHandle(workflowId);
  await handle.signal(resumeSignal);
  await handle.signal(itemsDueSignal);
  return workflowId;
}

/** For the event of a change that was ordered here. An account that the settings have lost has no pool. */
export function operatorOf(settings: Settings, { account }: Pick<Batch, 'account'>): ChangedBy {
  const pool = Object.hasOwn(settings.accounts, account) ? findAccount(settings, account).poolKey : null;
  return { by: 'operator', pool };
}

/** `12` or `#12`. @throws UsageError, or ClientError when there is no such batch. */
export async function chooseBatch(db: Pool, text: string): Promise<Batch> {
  const id = Number(/^#?(\d{1,15})$/.exec(text)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(id)) {
    throw invalid('batch', `"${text}" must be a number, as in ${hint('batch list')}`);
  }
  const found = await readBatch(db, id);
  if (!found) {
    throw problem('NOT_FOUND', 'batch', `there is no batch ${id} (${hint('batch list')} shows all)`);
  }
  return found;
}

/** One line of the export. */
function lineOf(api: TextApi, from: Batch, item: EndedItem): string {
  const { externalId, variables, responseId, result, evidence, state } = item;
  const names = Object.entries(variables).filter(
    ([name, value]) => (/id$/i.test(name) && value === externalId) || /name$/i.test(name),
  );
  return JSON.stringify({
    ...(names.some(([, value]) => value === externalId) ? {} : { id: externalId }),
    ...Object.fromEntries(names),
    request: requestFor(api, from, variables),
    response_text: result?.text ?? null,
    response_id: responseId,
    // Some servers do not say.
    created: !result?.createdAt ? null : Math.floor(result.createdAt / 1000),
    error: state === 'failed' ? (evidence ?? { reason: 'failed' }) : null,
  });
}

/** Writes what has ended to `out` as JSONL, and ends it. @returns how many lines. */
export async function writeBatch(db: Pool, api: TextApi, from: Batch, out: Writable): Promise<number> {
  let lines = 0;
  async function* texts(): AsyncGenerator<string> {
    for await (const page of endedItems(db, from.id)) {
      lines += page.length;
      yield page.map((item) => `${lineOf(api, from, item)}\n`).join('');
    }
  }
  await pipeline(texts(), out);
  return lines;
}

/** A file that is there as a whole or not at all. @throws OperationError when it cannot be written. */
export async function intoWholeFile<T>(file: string, write: (out: Writable) => Promise<T>): Promise<T> {
  // Where it is a link, what it leads to is replaced and not the link.
  const target = existsSync(file) ? realpathSync(file) : file;
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    const result = await write(createWriteStream(temporary, { flush: true }));
    renameSync(temporary, target);
    return result;
  } catch (error) {
    rmSync(temporary, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code && syscall) throw invalid('output', `${file} cannot be written (${code})`, 'FILE');
    throw error;
  }
}

/**
 * Finds out before hours of work whether what it yields can be kept.
 * @param inputs files that are read, and must not be written over.
 * @throws UsageError that says what is wrong.
 */
export function checkOutput(file: string, inputs: readonly string[] = []): void {
  const wrong = (why: string) => invalid('output', `${file} cannot be written: ${why}`);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw wrong('it is a folder');
  // A whole file takes the place of what is there: of a pipe or a device, nothing would be left.
  if (found && !found.isFile()) throw wrong('it is no file');
  const isInput = (input: string) => {
    const other = statSync(input, { throwIfNoEntry: false });
    return found !== undefined && other?.ino === found.ino && other.dev === found.dev;
  };
  const input = inputs.find(isInput);
  if (input !== undefined) throw wrong(`it is what is read as ${input}`);
  const folder = dirname(found ? realpathSync(file) : resolve(file));
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw wrong(`there is no folder ${folder}`);
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw wrong(`the folder ${folder} may not be written to`);
  }
}
