/**
 * The gateway before a vendor whose answers the test scripts, with a real database behind it. A call's body is the
 * verdict itself, as JSON; tests check what follows from it.
 */
import type { Pool } from 'pg';
import pino from 'pino';
import type { CallTerms } from '../../activities/gateway/call-terms';
import { PermitGate } from '../../activities/gateway/permits/gate';
import { VendorGateway } from '../../activities/gateway/vendor-call';
import type { LimitTemplate } from '../../quota/limits/limit';
import type { PoolPolicy } from '../../quota/pools/state';
import type { RetryPolicies } from '../../quota/retry-delay';
import type { Verdict } from '../../quota/verdict';
import type { CallableAccount } from '../../settings/accounts/accounts';
import { CallCounter } from '../../store/permits/call-counts';
import type { CallInfo, CallResult, VendorRules } from '../../vendors/contract';

export const POOL: PoolPolicy = {
  unknownQuotaMs: 600_000,
  unknownQuotaFactor: 2,
  unknownQuotaMaxMs: 3_600_000,
  absurdWaitMs: 1e12,
  breakerFailures: 5,
  breakerOpenMs: 60_000,
  probeTimeoutMs: 2_000,
  hintAfterStrikes: 3,
  hint: '',
};

const RETRY: RetryPolicies = {
  rate: { baseMs: 1000, maxMs: 30_000, attempts: 4 },
  server: { baseMs: 100, maxMs: 1000, attempts: 2 },
};

/** A verdict without its evidence, which the vendor adds. */
export type Said = { readonly kind: Verdict['kind'] } & Readonly<Record<string, unknown>>;

export interface ScriptedGateway {
  readonly gateway: VendorGateway;
  readonly counter: CallCounter;
  /** What classify was given, in order. */
  readonly callInfos: CallInfo[];
  /** Lines of the log, parsed. */
  readonly logged: Record<string, unknown>[];
  account(name: string, limits: readonly LimitTemplate[], more?: Partial<CallableAccount>): CallableAccount;
}

export function scriptedGateway(db: Pool): ScriptedGateway {
  const callInfos: CallInfo[] = [];
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });
  const counter = new CallCounter(db);
  const vendor: VendorRules = {
    id: 'scripted',
    title: 'Scripted',
    limits: [],
    pool: POOL,
    retry: RETRY,
    operations: ['ask'],
    attributes: {},
    poolScope: '{account}',
    classify: (info, result) => {
      callInfos.push(info);
      return verdictOf(info, result);
    },
    learn: () => [],
  };
  const gateway = new VendorGateway({
    db,
    gate: new PermitGate(db, { leadMs: 5 }),
    counter,
    log,
    notifyPool: async () => undefined,
    random: () => 0.5,
  });
  const account: ScriptedGateway['account'] = (name, limits, more = {}) => ({
    name,
    vendor,
    poolKey: `scripted/${name}`,
    limits,
    pool: POOL,
    retry: RETRY,
    ...more,
  });
  return { gateway, counter, callInfos, logged, account };
}

function verdictOf(info: CallInfo, result: CallResult): Verdict {
  const evidence = { vendor: info.vendor, account: info.account, operation: info.operation, code: '8902' };
  if (result.kind === 'transport') {
    return { kind: 'server', statedWaitMs: null, ambiguous: result.error.mayHaveBeenSent, evidence };
  }
  return { ...JSON.parse(result.response.body), evidence };
}

export function answer(said: Said): CallResult {
  return { kind: 'response', response: { status: 200, headers: {}, body: JSON.stringify(said) } };
}

/** A plain call of an account: the first try, interactive, and no token. */
export function termsOf(account: CallableAccount, more: Partial<CallTerms> = {}): CallTerms {
  return {
    account,
    operation: 'ask',
    priority: 'interactive',
    caller: 'test',
    auth: null,
    attempt: 1,
    inlineWaitMs: 5_000,
    ...more,
  };
}
