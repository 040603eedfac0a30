/** Permits for programs in any language: leave for one call of an account that the program sends itself. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { PermitWait, PoolClosed, Unsatisfiable } from '../../../activities/gateway/call-errors';
import type { CallTerms } from '../../../activities/gateway/call-terms';
import type { Leave } from '../../../activities/gateway/outside-calls';
import { charges, matches, scopeNames } from '../../../quota/limits/limit';
import type { PoolStateName } from '../../../quota/pools/state';
import { type Account, findAccount } from '../../../settings/accounts/accounts';
import {
  forgetOutsidePermit,
  moveOutsidePermit,
  type OutsideTerms,
} from '../../../store/permits/outside-permits';
import { COMMON_ATTRIBUTES } from '../../../vendors/contract';
import type { Backend } from '../backend/backend';
import { asField, invalid, noLeave, OperationError, type Problem } from '../errors';
import { name, priority, wellFormed, whole } from '../fields';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';
import { atDesk, type PermitDesk } from './desk';

/** Longest wait for a permit, ms: proxies cut off answers that take longer. */
export const MAX_WAIT_MS = 55_000;
const MAX_ATTRIBUTE = 200;

/** What is called, as far as limits distinguish calls. */
export const callFields = {
  account: name.describe('Name of the account in the settings'),
  operation: name.describe("What is called, as the vendor's limits name it"),
  attributes: z
    .record(
      z.string(),
      wellFormed.min(1, 'must not be empty').max(MAX_ATTRIBUTE, `is longer than ${MAX_ATTRIBUTE}`),
    )
    .default({})
    .describe('Attributes by which limits distinguish calls, e.g. a device or a model'),
  tokens: whole(0, 1_000_000_000).default(0).describe('Estimate, where limits count tokens'),
  priority: priority.default('background').describe('Who goes first where a limit is short'),
  waitMs: whole(0, MAX_WAIT_MS).default(0).describe('Longest wait for the permit, in milliseconds'),
  caller: wellFormed
    .trim()
    .min(1, 'must not be empty')
    .max(100, 'is longer than 100')
    .optional()
    .describe('Who asks, for counts of calls. Default: the name of the key'),
};

export interface GivenPermit {
  /** Names it when its outcome is reported: whoever knows it may. */
  readonly permit: string;
  /** The call leaves at this time, which is now. Epoch ms by the database's clock. */
  readonly departAt: number;
  /** Until when its outcome is waited for; without one the call counts as spent, and an event says so. Epoch ms. */
  readonly expiresAt: number;
  /** The vendor had refused calls, and this one finds out whether it accepts them again. */
  readonly probe: boolean;
}

export const takePermit = operation({
  about:
    'leave for one call that the caller sends itself, charged to every limit that it falls under, or none',
  input: z.strictObject(callFields),
  json: ({ permit, departAt, expiresAt, probe }: GivenPermit) => ({
    permit,
    departAt: isoOrNull(departAt),
    expiresAt: isoOrNull(expiresAt),
    probe,
  }),
  run: (backend, { waitMs, ...asked }, signal?: AbortSignal): Promise<GivenPermit> => {
    const checked = checkedTerms(backend, asked);
    return atDesk(backend, (desk) => takeFor(backend, desk, checked, waitMs, signal));
  },
});

/** @throws OperationError when there is no leave within `waitMs`. */
export function takeFor(
  backend: Backend,
  desk: PermitDesk,
  { account, terms }: ReturnType<typeof checkedTerms>,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<GivenPermit> {
  return new Taking(backend, desk, account, terms, signal).within(waitMs);
}

interface Asked {
  readonly account: string;
  readonly operation: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tokens: number;
  readonly priority: OutsideTerms['priority'];
  readonly caller?: string | undefined;
}

/** @throws OperationError for what account and vendor do not know. */
export function checkedTerms(
  { settings, caller: asking }: Pick<Backend, 'settings' | 'caller'>,
  { account: named, operation: called, attributes, tokens, priority: rank, caller = asking }: Asked,
): { readonly account: Account; readonly terms: OutsideTerms } {
  const account = asField('account', () => findAccount(settings, named));
  const { operations, attributes: own } = account.vendor;
  if (!operations.includes(called)) {
    throw invalid('operation', `"${called}" is none of ${operations.join(', ')}`, 'UNKNOWN_NAME');
  }
  const known = Object.entries({ ...COMMON_ATTRIBUTES, ...own });
  for (const attribute of Object.keys(attributes)) {
    const field = `attributes.${attribute}`;
    const found = known.find(([one]) => one === attribute)?.[1];
    // Given by the caller, it would lead past the account's own limits.
    if (found?.of === 'account' || attribute === 'vendor') {
      throw invalid(field, `is the account's own, by the settings`, 'NOT_APPLICABLE');
    }
    if (found === undefined) {
      const names = known.filter(([, { of }]) => of !== 'account').map(([one]) => one);
      throw invalid(
        field,
        `is no attribute of calls; there are ${names.join(', ') || 'none'}`,
        'UNKNOWN_NAME',
      );
    }
  }
  // What follows from a model, such as the group of models that it shares its limits with, need not be given.
  const { model } = attributes;
  const derived = (model === undefined ? undefined : account.parts.texts?.attributes(model)) ?? {};
  for (const [attribute, value] of Object.entries(attributes)) {
    const known = derived[attribute];
    if (known !== undefined && known !== value) {
      throw invalid(`attributes.${attribute}`, `is "${known}" for this model, by the settings`);
    }
  }
  const all = { ...derived, ...attributes };
  checkScopes(account, called, all);
  const terms = {
    account: named,
    operation: called,
    attributes: all,
    tokens,
    priority: rank,
    caller,
  };
  return { account, terms };
}

/** @throws OperationError that names each attribute which a limit of this call counts by, as it is to be given. */
function checkScopes(account: Account, called: string, attributes: Readonly<Record<string, string>>): void {
  const problems = missingAttributes(account, called, attributes).map(({ attribute, limit }): Problem => {
    const of = { ...COMMON_ATTRIBUTES, ...account.vendor.attributes }[attribute]?.of;
    const message = `is missing: limit "${limit}" counts ${called} by it`;
    if (of !== 'account') return { code: 'MISSING_INPUT', field: `attributes.${attribute}`, message };
    const settings = `limit "${limit}" counts ${called} by \`${attribute}\`, which the settings of "${account.name}" do not name`;
    return { code: 'NOT_APPLICABLE', field: 'account', message: settings };
  });
  const [first, ...more] = problems;
  if (first !== undefined) throw new OperationError([first, ...more]);
}

/** Pure. Each once, with the first limit that needs it; a model in place of what follows from it. */
function missingAttributes(
  { name: of, vendor, limits, attributes: own, parts }: Account,
  called: string,
  given: Readonly<Record<string, string>>,
): { readonly attribute: string; readonly limit: string }[] {
  const all: Record<string, string> = { ...own, ...given, vendor: vendor.id, account: of };
  const ofModel = Object.keys(parts.texts?.attributes('any') ?? {});
  const missing = new Map<string, string>();
  for (const limit of limits) {
    if (!charges(limit, called) || !matches(limit, all)) continue;
    for (const scope of scopeNames(limit.scope)) {
      const attribute = ofModel.includes(scope) ? 'model' : scope;
      if (!all[scope] && !missing.has(attribute)) missing.set(attribute, limit.name);
    }
  }
  return [...missing].map(([attribute, limit]) => ({ attribute, limit }));
}

/** A call of another program's, as the gateway knows calls. */
export function outsideCall(account: Account, terms: OutsideTerms): CallTerms {
  const { attributes, operation: called, priority: rank, tokens, caller } = terms;
  return {
    ...{ account, attributes, operation: called, priority: rank, tokens, caller },
    auth: null,
    attempt: 1,
    inlineWaitMs: 0,
    tellsWaits: true,
    ...(called === loginOf(account) ? { outsidePool: true } : {}),
  };
}

function loginOf({ parts }: Account): string | undefined {
  return parts.login?.operation ?? parts.grant?.operation;
}

class Taking {
  private readonly id = `permit_${randomBytes(24).toString('base64url')}`;

  constructor(
    private readonly backend: Backend,
    private readonly desk: PermitDesk,
    private readonly account: Account,
    private readonly terms: OutsideTerms,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Waits for a limit's next unit in the gate, and for a pool's end here. */
  async within(waitMs: number): Promise<GivenPermit> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      try {
        return await this.take(Math.max(0, deadline - performance.now()));
      } catch (error) {
        const again = againAt(error);
        if (again === null || again - Date.now() > deadline - performance.now()) {
          throw explained(error);
        }
        await delay(Math.max(AGAIN_MS, again - Date.now()), undefined, {
          ...(this.signal ? { signal: this.signal } : {}),
        });
      }
    }
  }

  private async take(inlineWaitMs: number): Promise<GivenPermit> {
    const { id, account, terms, desk } = this;
    const lifeMs = account.pool.probeTimeoutMs;
    const call = outsideCall(account, terms);
    let leave: Leave | null = null;
    try {
      leave = await desk.gateway.outside.leave({
        ...{ ...call, inlineWaitMs, record: { id, lifeMs, terms } },
        ...(this.signal ? { signal: this.signal } : {}),
      });
      // Whoever has gone meanwhile makes no call.
      this.signal?.throwIfAborted();
      const { departAt, probe, moved } = leave.permit;
      if (moved) await this.backend.database((db) => moveOutsidePermit(db, id, departAt), 'permits');
      desk.remember(id, leave);
      leave.permit.sent();
      return { permit: id, departAt, expiresAt: departAt + lifeMs, probe };
    } catch (error) {
      if (leave !== null) await desk.gateway.outside.giveBack(call, leave).catch(() => undefined);
      // A grant whose departure was missed, and the denial that came after it. Nobody waits for it: Postgres may be silent.
      void this.backend.database((db) => forgetOutsidePermit(db, id), 'permits').catch(() => undefined);
      throw error;
    }
  }
}

/** A pool that opens asks for a moment's patience: its time is the database's. */
const AGAIN_MS = 20;

/** When a closed pool may be asked again; null where it is no use to wait, or a limit was waited for already. */
function againAt(error: unknown): number | null {
  return error instanceof PoolClosed ? error.details.until : null;
}

const PAUSED: ReadonlySet<PoolStateName> = new Set(['quota_paused']);

/** What stands in the way of a call, as an error of a use case; anything else as it is. */
export function explained(error: unknown): OperationError | unknown {
  if (error instanceof PermitWait) {
    const { limit, until } = error.details;
    return noLeave('LIMIT_REACHED', error.message, { limit, until });
  }
  if (error instanceof PoolClosed) {
    const { pool, until, state } = error.details;
    const requestId = error.verdict?.evidence.requestId;
    return noLeave(PAUSED.has(state) ? 'QUOTA_PAUSED' : 'POOL_STOPPED', error.message, {
      ...{ pool, until },
      ...(requestId === undefined ? {} : { requestId }),
    });
  }
  if (error instanceof Unsatisfiable) return invalid('tokens', error.message);
  return error;
}
