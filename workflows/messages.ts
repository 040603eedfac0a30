/** Every signal and query of every workflow, with the ids under which the workflows run. */
import type { QueryDefinition, SignalDefinition } from '@temporalio/workflow';
import type { PoolState } from '../quota/pools/state';
import type { CommandOutcome } from '../store/commands/commands';

/** One pool workflow for each pool key, e.g. `pool:amazon/acme`. */
export function poolWorkflowId(poolKey: string): string {
  return `pool:${poolKey}`;
}

/** One sync workflow for each dataset of an account. */
export function syncWorkflowId(dataset: string, account: string): string {
  return `sync:${dataset}:${account}`;
}

/** One backfill for each span: starting the same one again finds the one that runs. */
export function backfillWorkflowId(dataset: string, account: string, from: number, to: number): string {
  return `backfill:${dataset}:${account}:${hour(from)}..${hour(to)}`;
}

export function auditWorkflowId(dataset: string, account: string, from: number, to: number): string {
  return `audit:${dataset}:${account}:${hour(from)}..${hour(to)}`;
}

/** One workflow for each account that is polled. */
export function pollingWorkflowId(account: string): string {
  return `polling:${account}`;
}

/** One workflow for each batch. */
export function batchWorkflowId(kind: string, account: string, batchId: number): string {
  return `batch:${kind}:${account}:${batchId}`;
}

/** One workflow for each command. */
export function commandWorkflowId(account: string, commandId: number): string {
  return `command:${account}:${commandId}`;
}

/** One workflow for each login by a person that waits for it. */
export function loginWorkflowId(account: string, loginId: number): string {
  return `login:${account}:${loginId}`;
}

function hour(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16);
}

// The SDK's own `defineSignal` and `defineQuery` make the same objects, but would load the whole SDK into every command
// that knows a workflow by its name.

// biome-ignore lint/suspicious/noExplicitAny: the bound that the SDK's own type has
function defineSignal<Args extends any[] = []>(name: string): SignalDefinition<Args> {
  return { type: 'signal', name } as SignalDefinition<Args>;
}

function defineQuery<Result>(name: string): QueryDefinition<Result> {
  return { type: 'query', name } as QueryDefinition<Result>;
}

// ---- quota-pool -------------------------------------------------------------------------------------------------

/** The call path has closed or extended the pool; carries the state that Postgres now holds. */
export const quotaHitSignal = defineSignal<[PoolState]>('quotaHit');
/** The call path has opened the failure breaker. */
export const failureSignal = defineSignal<[PoolState]>('failure');
/** The probe came back well: the pool is closed (normal) again. */
export const successSignal = defineSignal<[PoolState]>('success');
/** Postgres may know more than this workflow: read it again. Sent when a worker starts. */
export const reconcileSignal = defineSignal('reconcile');
/** A workflow sleeps because of this pool and wants a signal when it opens; carries the state that it was stopped by. */
export const waitingSignal = defineSignal<[{ workflowId: string; state?: PoolState }]>('waiting');

/**
 * Operator's pause, of a pool or of a sync or backfill. By hand:
 * `temporal workflow signal -w pool:amazon/acme --name pause --input '{"reason":"inventory count"}'`.
 * A plain string is a reason; no input at all is fine. `until` is an ISO instant or epoch ms (pools only).
 */
export const pauseSignal = defineSignal<[PauseInput?]>('pause');
export const resumeSignal = defineSignal('resume');
export type PauseInput = string | { reason?: string; until?: string | number | null } | null;

/** Why an operator has given an order; never empty. */
export function orderReason(input: PauseInput | undefined): string {
  return (typeof input === 'string' ? input : input?.reason) || 'by operator';
}

export interface PoolStatus {
  readonly key: string;
  readonly state: PoolState;
  readonly waiting: readonly string[];
}
export const poolStatusQuery = defineQuery<PoolStatus>('status');

// ---- work that depends on a pool ------------------------------------------------------------------------------

/** From the pool to those who wait: it is half-open (one probe) or closed (all may go). */
export const poolOpenedSignal = defineSignal<[{ pool: string; state: PoolState['state'] }]>('poolOpened');

/** An operator has ended a limit's wait: who waits for one asks again at once. */
export const limitUnblockedSignal = defineSignal('limitUnblocked');

export interface WorkStatus {
  /** What it is doing, for a person. */
  readonly phase: 'starting' | 'running' | 'waiting for quota' | 'paused' | 'sleeping' | 'done' | 'failed';
  readonly detail: string;
  /** Epoch ms at which it goes on by itself; null when it does not wait or only an operator can end it. */
  readonly until: number | null;
  /** Epoch ms since when it has been so, where that is known. */
  readonly since?: number;
  /** Key of the limit whose room it waits for; left out where it waits for something else. */
  readonly limit?: string;
  readonly chunksTotal: number;
  readonly chunksDone: number;
  readonly chunksFailed: number;
  readonly rows: number;
  /** Last failures, newest last, at most 20. */
  readonly problems: readonly string[];
}
export const workStatusQuery = defineQuery<WorkStatus>('status');

// ---- batch ------------------------------------------------------------------------------------------------------

/** Ends a batch (what has been answered stays, and a later start goes on), or a command that has not been sent. */
export const cancelSignal = defineSignal<[PauseInput?]>('cancel');
/** Items have become due before their time, e.g. failed ones that are to be tried again. */
export const itemsDueSignal = defineSignal('itemsDue');

export interface BatchStatus {
  readonly phase:
    | 'starting'
    | 'running'
    | 'waiting for quota'
    | 'waiting for retries'
    | 'waiting for the vendor'
    | 'paused'
    | 'done'
    | 'cancelled';
  readonly detail: string;
  /** Epoch ms at which it goes on by itself; null when it does not wait or only an operator can end it. */
  readonly until: number | null;
  readonly items: number;
  readonly done: number;
  readonly failed: number;
}
export const batchStatusQuery = defineQuery<BatchStatus>('status');

// ---- command ----------------------------------------------------------------------------------------------------

export interface CommandStatus {
  readonly phase: 'sending' | 'waiting' | 'waiting for the result' | 'done';
  readonly detail: string;
  /** Epoch ms at which it goes on by itself; null when it does not wait or only an operator can end it. */
  readonly until: number | null;
  readonly outcome: CommandOutcome | null;
}
export const commandStatusQuery = defineQuery<CommandStatus>('status');

// ---- login ------------------------------------------------------------------------------------------------------

export interface LoginStatus {
  readonly phase: 'starting' | 'waiting for the person' | 'done';
  readonly detail: string;
  /** Epoch ms at which the code is no longer good; null when there is none. */
  readonly until: number | null;
}
export const loginStatusQuery = defineQuery<LoginStatus>('status');
