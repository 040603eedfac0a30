/** Calls of fleets through the gateway, and the device list that each kind of fleet work starts with. */
import { setTimeout as delay } from 'node:timers/promises';
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import { MINUTE_MS } from '../../quota/durations';
import { fleetLimitKey } from '../../quota/fleet/device-limits';
import type { Priority } from '../../quota/limits/limit';
import { isOfItemAlone } from '../../quota/pools/item-doubt';
import type { Settings } from '../../settings';
import type { FleetAccount } from '../../settings/accounts/fleet';
import type { FleetContext } from '../../settings/datasets/fleet-context';
import { lastDeviceList, storeDevices } from '../../store/fleet/fleet';
import { learnLimit } from '../../store/permits/permits';
import type { CallResult } from '../../vendors/contract';
import type { HttpRequest, LeftOut, Parsed } from '../../vendors/http';
import { CallFailed } from '../gateway/call-errors';
import type { TokenSource } from '../gateway/call-terms';
import { sendForText } from '../gateway/http/http';
import type { Spool } from '../gateway/spool/spool';
import type { VendorGateway } from '../gateway/vendor-call';
import { logEvent } from '../log/emit';
import { logEventOnce } from '../log/warn-once';
import { Newcomers } from './newcomers';

export interface FleetDeps {
  readonly settings: Settings;
  readonly db: Pool;
  readonly gateway: VendorGateway;
  readonly dispatcher: Dispatcher;
  readonly log: Logger;
  readonly tokenSource: (account: FleetAccount) => TokenSource;
  /** Aborted when the worker is to end: pages begin nothing more. */
  readonly stopping: AbortSignal;
  /** Keeps answers on disk while Postgres is away; null: in memory only. */
  readonly spool: Spool | null;
}

/** One question to the vendor. */
export interface FleetQuestion<T> {
  readonly operation: string;
  readonly caller: string;
  readonly priority: Priority;
  /** Of a call that concerns one device. */
  readonly deviceId?: string;
  readonly request: HttpRequest;
  readonly parse: (body: string) => Parsed<T>;
}

/** An answer that the vendor calls good and that is not what its contract says. */
export class UnusableAnswer extends Error {
  override readonly name = 'UnusableAnswer';
}

/** A list of devices that failed, or that was empty, is requested again after this, ms. */
const LIST_AGAIN_MS = 5 * MINUTE_MS;

export class FleetCalls {
  /** When an account's list of devices last failed, epoch ms; of this process. */
  private readonly listFailures = new Map<string, number>();
  /** Since when a device's call is refused by a code that may mean it alone, monotonic ms, by question. */
  private readonly refusedSince = new Map<string, number>();
  /** When a call of a kind was last accepted, monotonic ms. */
  private readonly acceptedAt = new Map<string, number>();

  readonly newcomers: Newcomers;

  constructor(readonly deps: FleetDeps) {
    this.newcomers = new Newcomers(deps.log);
  }

  /**
   * Asks, and asks again after the waits that "too fast" and the vendor's own failures call for.
   * @throws PoolClosed, PermitWait (nothing was sent), CallFailed (with verdict), UnusableAnswer.
   */
  async ask<T>(context: FleetContext, question: FleetQuestion<T>): Promise<T> {
    const signal = cancellationSignal();
    for (let attempt = 1; ; attempt++) {
      try {
        const body = await this.send(context, question, attempt, signal);
        this.noteAccepted(context, question);
        return this.parsed(context, question, body);
      } catch (error) {
        if (error instanceof CallFailed && this.isOfItem(context, question, error)) throw ofItemAlone(error);
        if (!(error instanceof CallFailed) || !error.retryable) throw error;
        await delay(error.waitMs, undefined, { signal });
      }
    }
  }

  private noteAccepted(
    { account }: FleetContext,
    { operation, deviceId = '' }: FleetQuestion<unknown>,
  ): void {
    const kind = `${account.poolKey}/${operation}`;
    this.acceptedAt.set(kind, performance.now());
    this.refusedSince.delete(`${kind}/${deviceId}`);
  }

  /** Whether the refusal is of this device: then its repetition is no use, and no other call waits for it. */
  private isOfItem(
    { account }: FleetContext,
    { operation, deviceId }: FleetQuestion<unknown>,
    { verdict }: CallFailed,
  ): boolean {
    if (deviceId === undefined || verdict.kind !== 'rate' || verdict.mayBeOfItem !== true) return false;
    const kind = `${account.poolKey}/${operation}`;
    const since = this.refusedSince.get(`${kind}/${deviceId}`) ?? null;
    if (since === null) this.refusedSince.set(`${kind}/${deviceId}`, performance.now());
    return isOfItemAlone(since, this.acceptedAt.get(kind) ?? null);
  }

  private async send<T>(
    { account }: FleetContext,
    { operation, caller, priority, deviceId, request }: FleetQuestion<T>,
    attempt: number,
    signal: AbortSignal,
  ): Promise<string> {
    const { fleet } = account;
    const result = await this.deps.gateway.call<CallResult>({
      account,
      operation,
      ...(deviceId === undefined ? {} : { attributes: { [fleet.deviceAttribute]: deviceId } }),
      priority,
      caller,
      auth: this.deps.tokenSource(account),
      attempt,
      inlineWaitMs: this.deps.settings.permits.inlineWaitMs,
      signal,
      // Once sent it has been paid for: its answer is waited for even when the activity is cancelled.
      send: (token, _, pass) =>
        sendForText(fleet.authorize(request, token ?? ''), {
          dispatcher: this.deps.dispatcher,
          timeoutMs: fleet.timeoutMs,
          pass,
        }),
    });
    return result.kind === 'response' ? result.response.body : '';
  }

  private parsed<T>(
    context: FleetContext,
    { operation, deviceId, parse }: FleetQuestion<T>,
    body: string,
  ): T {
    const parsed = parse(body);
    const what = deviceId === undefined ? operation : `${operation} of ${deviceId}`;
    if (!parsed.ok) throw new UnusableAnswer(`the answer of ${what} cannot be used: ${parsed.problem}`);
    this.reportLeftOut(context, operation, what, parsed.leftOut);
    return parsed.value;
  }

  /** Malformed records are a warning when they begin and when they change; useless ones are not reported. */
  private reportLeftOut(
    { account, dataset }: FleetContext,
    operation: string,
    what: string,
    leftOut: LeftOut | undefined,
  ): void {
    if (leftOut === undefined) return;
    const { count, malformed, problem } = leftOut;
    const text = `${count} records of ${what} were left out: ${problem}`;
    if (malformed === 0) {
      this.deps.log.debug({ account: account.name, operation }, text);
      return;
    }
    const about = { dataset, account: account.name, operation, count, malformed, problem };
    const cause = { of: `${account.poolKey}/${what}`, why: problem };
    logEventOnce(this.deps.log, 'fleet.left_out', about, text, cause);
  }

  /**
   * The vendor's list of devices, requested when there is none or it is older than the settings allow; teaches the
   * limits that depend on it. @returns how many devices are new; null when the list is fresh enough.
   */
  async refreshDevices(context: FleetContext, caller: string, priority: Priority): Promise<number | null> {
    const { account, terms } = context;
    const { db } = this.deps;
    const last = await lastDeviceList(db, account.name);
    const freshFor = last?.devices === 0 ? Math.min(terms.deviceListMs, LIST_AGAIN_MS) : terms.deviceListMs;
    const failedAt = this.listFailures.get(account.poolKey) ?? Number.NEGATIVE_INFINITY;
    if (last !== null && (Date.now() - last.at < freshFor || Date.now() - failedAt < LIST_AGAIN_MS))
      return null;
    const { fleet } = account;
    const asked = this.ask(context, {
      operation: fleet.operations.devices,
      caller,
      priority,
      request: fleet.devices(),
      parse: fleet.parseDevices,
    });
    const devices = await asked.catch((error: unknown) => {
      // What the fleet does is worth more than who has joined it: work goes on with the devices that are known.
      if (last === null || !isOfTheCall(error)) throw error;
      this.listFailures.set(account.poolKey, Date.now());
      logEventOnce(
        this.deps.log,
        'fleet.list_failed',
        { account: account.name, err: error },
        `the list of devices of ${account.poolKey} cannot be used, the last one is: ${error.message}`,
        { of: account.poolKey, why: error.message },
      );
      return null;
    });
    if (devices === null) return null;
    const now = Date.now();
    const fresh = await storeDevices(db, account.name, devices, now);
    // A list without devices may be a fault of the vendor's, and changes no limit.
    for (const { limit, ...learned } of devices.length === 0 ? [] : fleet.limitsOf(devices, now)) {
      const template = account.limits.find(({ name }) => name === limit);
      if (template === undefined) continue;
      const key = fleetLimitKey(account, template);
      if (!(await learnLimit(db, { key, ...learned }))) continue;
      logEvent(
        this.deps.log,
        'limit.learned',
        { limit: key, ...learned },
        'the list of devices sets a limit',
      );
    }
    return fresh;
  }

  /** The pool's pause as an error, checked before work is planned. */
  async whenOpen(context: FleetContext): Promise<void> {
    const closed = await this.deps.gateway.whyClosed(context.account);
    if (closed !== null) throw closed;
  }
}

/** The refusal as one of the device, which is tried again when its next turn comes. */
function ofItemAlone({ verdict }: CallFailed): CallFailed {
  const { evidence } = verdict;
  const message = `${evidence.message ?? 'refused'} (of this device alone: other calls of its kind are accepted)`;
  return new CallFailed({ kind: 'invalid', evidence: { ...evidence, message } }, 0, false);
}

/** An answer that no repetition would cure. */
export function isUseless(error: unknown): error is Error {
  return error instanceof UnusableAnswer || (error instanceof CallFailed && error.verdict.kind === 'invalid');
}

/** A failure of this one call, after all its tries; a pause or a limit of ours concerns every call. */
function isOfTheCall(error: unknown): error is Error {
  return error instanceof UnusableAnswer || error instanceof CallFailed;
}

/** A failure that passes by itself: the vendor was too busy, or failed. */
export function isPassing(error: unknown): error is CallFailed {
  return error instanceof CallFailed && (error.verdict.kind === 'rate' || error.verdict.kind === 'server');
}

/** For the ledger: which workflow made the call. */
export function askedBy(): Readonly<Record<string, string>> {
  const { workflowExecution } = activityInfo();
  return workflowExecution === undefined ? {} : { workflowId: workflowExecution.workflowId };
}
