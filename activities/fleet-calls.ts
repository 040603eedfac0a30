/** Calls of fleets by way of the one door, and the list of devices that all of them begin with. */
import { setTimeout as delay } from 'node:timers/promises';
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import type { Priority } from '../quota/limit';
import type { Settings } from '../settings';
import { devicesListedAt, storeDevices } from '../store/fleet';
import { learnLimit } from '../store/permits';
import type { CallResult } from '../vendors/contract';
import type { HttpRequest, Parsed } from '../vendors/http';
import { CallFailed } from './call-errors';
import type { FleetAccount } from './fleet-account';
import type { FleetContext } from './fleet-context';
import { limitKey } from './fleet-limits';
import { sendForText } from './http';
import type { TokenSource, VendorDoor } from './vendor-call';

export interface FleetDeps {
  readonly settings: Settings;
  readonly db: Pool;
  readonly door: VendorDoor;
  readonly dispatcher: Dispatcher;
  readonly log: Logger;
  readonly tokenSource: (account: FleetAccount) => TokenSource;
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

export class FleetCalls {
  constructor(readonly deps: FleetDeps) {}

  /**
   * Asks, and asks again after the waits that "too fast" and the vendor's own failures call for.
   * @throws PoolClosed, PermitWait (nothing was sent), CallFailed (with verdict), UnusableAnswer.
   */
  async ask<T>(context: FleetContext, question: FleetQuestion<T>): Promise<T> {
    const signal = cancellationSignal();
    for (let attempt = 1; ; attempt++) {
      try {
        return this.parsed(context, question, await this.send(context, question, attempt, signal));
      } catch (error) {
        if (!(error instanceof CallFailed) || !error.retryable) throw error;
        await delay(error.waitMs, undefined, { signal });
      }
    }
  }

  private async send<T>(
    { account }: FleetContext,
    { operation, caller, priority, deviceId, request }: FleetQuestion<T>,
    attempt: number,
    signal: AbortSignal,
  ): Promise<string> {
    const { fleet } = account;
    const result = await this.deps.door.call<CallResult>({
      account,
      operation,
      ...(deviceId === undefined ? {} : { attributes: { [fleet.deviceAttribute]: deviceId } }),
      priority,
      caller,
      auth: this.deps.tokenSource(account),
      attempt,
      inlineWaitMs: this.deps.settings.permits.inlineWaitMs,
      signal,
      // Once sent it has been paid for: its answer is waited for even when an end is asked for.
      send: (token) =>
        sendForText(fleet.authorize(request, token ?? ''), {
          dispatcher: this.deps.dispatcher,
          timeoutMs: fleet.timeoutMs,
        }),
    });
    return result.kind === 'response' ? result.response.body : '';
  }

  private parsed<T>(
    { account, dataset }: FleetContext,
    { operation, deviceId, parse }: FleetQuestion<T>,
    body: string,
  ): T {
    const parsed = parse(body);
    const what = deviceId === undefined ? operation : `${operation} of ${deviceId}`;
    if (!parsed.ok) throw new UnusableAnswer(`the answer of ${what} cannot be used: ${parsed.problem}`);
    if (parsed.leftOut !== undefined) {
      const { count, problem } = parsed.leftOut;
      this.deps.log.debug(
        { event: 'fleet.left_out', dataset, account: account.name, operation, count, problem },
        `${count} records of ${what} were left out: ${problem}`,
      );
    }
    return parsed.value;
  }

  /**
   * The vendor's list of devices, asked for when there is none or it is older than the settings allow; teaches the
   * limits that depend on it. @returns how many devices are new; null when the list is fresh enough.
   */
  async refreshDevices(context: FleetContext, caller: string, priority: Priority): Promise<number | null> {
    const { account, terms } = context;
    const { db } = this.deps;
    const listedAt = await devicesListedAt(db, account.name);
    if (listedAt !== null && Date.now() - listedAt < terms.deviceListMs) return null;
    const { fleet } = account;
    const devices = await this.ask(context, {
      operation: fleet.operations.devices,
      caller,
      priority,
      request: fleet.devices(),
      parse: fleet.parseDevices,
    });
    const now = Date.now();
    const fresh = await storeDevices(db, account.name, devices, now);
    for (const { limit, ...learned } of fleet.limitsOf(devices, now)) {
      const template = account.limits.find(({ name }) => name === limit);
      if (template === undefined) continue;
      const key = limitKey(account, template);
      if (!(await learnLimit(db, { key, ...learned }))) continue;
      this.deps.log.info(
        { event: 'limit.learned', limit: key, ...learned },
        'the list of devices sets a limit',
      );
    }
    return fresh;
  }

  /** The pool's pause as an error, asked for before work is planned. */
  async whenOpen(context: FleetContext): Promise<void> {
    const closed = await this.deps.door.whyClosed(context.account);
    if (closed !== null) throw closed;
  }
}

/** For the ledger: which workflow asked. */
export function askedBy(): Readonly<Record<string, string>> {
  const { workflowExecution } = activityInfo();
  return workflowExecution === undefined ? {} : { workflowId: workflowExecution.workflowId };
}
