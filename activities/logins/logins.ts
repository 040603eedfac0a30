/**
 * The requests of a login by device code. Codes and tokens go from the vendor into the database and from there to the
 * vendor: what the workflow gets is when to ask again, and how it ended.
 */
import { Context } from '@temporalio/activity';
import type { Pool } from 'pg';
import { HOUR_MS } from '../../quota/durations';
import type { Settings } from '../../settings';
import { findAccount } from '../../settings/accounts/accounts';
import {
  endLogin,
  type LoginRecord,
  type LoginState,
  type LoginStore,
  readLogin,
} from '../../store/secrets/logins';
import type {
  DeviceCodeLogin,
  DeviceCodePoll,
  GrantApi,
  GrantTokens,
} from '../../vendors/capabilities/login';
import type { VendorResponse } from '../../vendors/contract';
import type { Parsed } from '../../vendors/http';
import { CallFailed } from '../gateway/call-errors';
import { boughtOf, checkTokens, type GrantDeps, grantSecrets, keepGrant } from '../gateway/credentials/grant';
import {
  type LoginCallDeps,
  loginCall,
  newProofKey,
  UnreadableLogin,
} from '../gateway/credentials/login-call';
import { guarded } from '../gateway/guarded';

export interface LoginActivityDeps
  extends LoginCallDeps,
    Pick<GrantDeps, 'grants' | 'spool' | 'stopping' | 'secrets'> {
  readonly settings: Settings;
  readonly db: Pool;
  readonly logins: LoginStore;
}

export interface LoginStep {
  readonly account: string;
  readonly loginId: number;
}

export interface PollStep extends LoginStep {
  /** An earlier poll has left and its answer is not known: what it brought may be lost, and the code be used up. */
  readonly unanswered?: boolean;
  /** Another code may be asked for where this one and its answer are lost. */
  readonly mayAskAgain?: boolean;
}

const LOST = 'the code is used up, and the answer that brought the tokens was lost: log in again';

/** How a login stands for its workflow. Times are epoch ms. */
export type LoginProgress =
  | { readonly kind: 'waiting'; readonly intervalMs: number; readonly expiresAt: number }
  | { readonly kind: 'slow-down' }
  /** The code is used up, and what it brought is lost: another one is needed. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'ended'; readonly state: LoginState; readonly message: string };

export type LoginActivities = ReturnType<typeof createLoginActivities>;

/** RFC 8628, section 3.2: where the vendor names none. */
const LEAST_INTERVAL_MS = 1_000;
const LONGEST_LIFE_MS = HOUR_MS;

export function createLoginActivities(deps: LoginActivityDeps) {
  const { db, logins, settings } = deps;

  const end = async (
    loginId: number,
    state: Exclude<LoginState, 'starting' | 'waiting'>,
    message: string,
  ) => {
    const record = await endLogin(db, loginId, state, message);
    return { kind: 'ended', state: record?.state ?? state, message: record?.message ?? message } as const;
  };

  return {
    /** Asks the vendor for a code, which takes the place of the one before. After a crash it asks for another one. */
    startLogin: guarded(async ({ account: name, loginId }: LoginStep): Promise<LoginProgress> => {
      const account = findAccount(settings, name);
      const { grant, login } = deviceLoginOf(account.parts.grant, name);
      const { values } = await grantSecrets(deps, grant);
      const proof = newProofKey();
      const code = await loginCall(deps, account, {
        operation: login.operations.start,
        request: login.start(proof, values),
        secrets: [...Object.values(values), proof.verifier],
        signal: Context.current().cancellationSignal,
        judge: (response) => goodOrNull(response, login.parseStart(response.body)),
      }).catch(unreadable);
      if (code === null) return end(loginId, 'failed', 'the vendor gave no code that can be read');
      const intervalMs = Math.max(LEAST_INTERVAL_MS, code.intervalMs);
      const expiresInMs = Math.min(LONGEST_LIFE_MS, code.expiresInMs);
      const { url, userCode, deviceCode } = code;
      if (!(await logins.await(loginId, { url, userCode, intervalMs, expiresInMs }, { deviceCode, proof }))) {
        return end(loginId, 'cancelled', 'cancelled');
      }
      const expiresAt = (await readLogin(db, loginId))?.expiresAt ?? Date.now() + expiresInMs;
      return { kind: 'waiting', intervalMs, expiresAt };
    }),

    /** Asks whether the person has entered the code. */
    pollLogin: guarded(async (step: PollStep): Promise<LoginProgress> => {
      const { account: name, loginId, unanswered, mayAskAgain } = step;
      const account = findAccount(settings, name);
      const { grant, login } = deviceLoginOf(account.parts.grant, name);
      // What a process has left that ended over the answer.
      if (unanswered) await deps.spool?.collect?.();
      const record = await readLogin(db, loginId);
      const secrets = await logins.secrets(loginId);
      if (record === null || secrets === null) {
        return { kind: 'ended', state: record?.state ?? 'failed', message: record?.message ?? 'it is gone' };
      }
      const { values, digest } = await grantSecrets(deps, grant);
      const { deviceCode, proof } = secrets;
      const at = performance.now();
      // Kept as soon as it is read: it is not to be had again.
      let keeping: ReturnType<typeof keepGrant> | null = null;
      let problem = '';
      const keep = (tokens: GrantTokens) => {
        const checked = checkTokens({ ok: true, value: tokens });
        problem = !checked.ok
          ? `no usable tokens came: ${checked.problem}`
          : tokens.refreshToken === undefined
            ? 'the vendor gave no refresh token'
            : '';
        if (problem !== '') return;
        const bought = boughtOf(grant, tokens, digest);
        const kept = { account: account.poolKey, generation: null, bought, login: loginId };
        keeping = keepGrant(deps, account, kept, at);
        keeping.catch(() => undefined);
      };
      const ended = async (state: 'expired' | 'failed', message: string): Promise<LoginProgress> => {
        const lost = unanswered === true && !(state === 'expired' && hasRunOut(record, Date.now()));
        if (lost && mayAskAgain) return { kind: 'lost' };
        return end(loginId, lost ? 'failed' : state, lost ? LOST : message);
      };
      const asked = loginCall<Exclude<DeviceCodePoll, { kind: 'other' }>>(deps, account, {
        operation: login.operations.poll,
        request: login.poll(deviceCode, proof, values),
        secrets: [...Object.values(values), deviceCode, proof.verifier],
        signal: Context.current().cancellationSignal,
        judge: (response) => {
          const judged = login.judgePoll(response);
          if (judged.kind === 'tokens') keep(judged.tokens);
          return judged.kind === 'other' ? null : judged;
        },
      });
      const poll = await asked.catch((error: unknown) => {
        if (keeping !== null) return { kind: 'tokens' } as const;
        const final = finalRefusalOf(error);
        if (final === null) throw error;
        return { kind: 'final', message: final } as const;
      });
      switch (poll.kind) {
        case 'pending':
          return { kind: 'waiting', intervalMs: record.intervalMs ?? 0, expiresAt: record.expiresAt ?? 0 };
        case 'slow-down':
          return { kind: 'slow-down' };
        case 'expired':
          return ended('expired', 'the code was not entered in time');
        case 'denied':
          return end(loginId, 'refused', `refused: ${poll.message}`);
        case 'unreadable':
          return end(loginId, 'failed', `no usable tokens came: ${poll.problem}`);
        case 'final':
          return ended('failed', `the vendor refuses the code: ${poll.message}`);
        case 'tokens': {
          if (keeping === null) return end(loginId, 'failed', problem);
          await keeping;
          return end(loginId, 'done', '');
        }
      }
    }),

    /** Ends it, unless it has ended. */
    async endLogin(
      input: LoginStep & {
        readonly state: Exclude<LoginState, 'starting' | 'waiting'>;
        readonly message: string;
      },
    ): Promise<LoginProgress> {
      return end(input.loginId, input.state, input.message);
    },
  };
}

function deviceLoginOf(grant: GrantApi | undefined, account: string) {
  if (grant?.login.kind !== 'device-code') {
    throw new RangeError(`account "${account}" has no login by device code`);
  }
  return { grant, login: grant.login as DeviceCodeLogin };
}

/** The vendor counts a code's life from its answer, or by a clock of its own, ms. */
const EARLY_MS = 5_000;

/** Whether a code that is called expired is so by its age: some vendors use that word for a code that was used, too. */
function hasRunOut({ expiresAt, intervalMs }: Pick<LoginRecord, 'expiresAt' | 'intervalMs'>, nowMs: number) {
  return expiresAt !== null && nowMs >= expiresAt - (intervalMs ?? 0) - EARLY_MS;
}

/** The vendor's words where it refuses the code for good (RFC 8628, section 3.5), and not a request or a moment. */
function finalRefusalOf(error: unknown): string | null {
  if (!(error instanceof CallFailed)) return null;
  const { kind, evidence } = error.verdict;
  if ((kind !== 'gone' && kind !== 'invalid') || evidence.code === undefined) return null;
  return [evidence.code, evidence.message].filter(Boolean).join(': ');
}

function goodOrNull<T>({ status }: VendorResponse, parsed: Parsed<T>): T | null {
  return status >= 200 && status <= 299 && parsed.ok ? parsed.value : null;
}

function unreadable(error: unknown): null {
  if (error instanceof UnreadableLogin) return null;
  throw error;
}
