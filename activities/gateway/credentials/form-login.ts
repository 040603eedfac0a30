/**
 * A login from what a person enters, request by request. It runs in the process that took the entries, through that process's
 * gateway. No workflow carries them: Temporal stores its inputs, and a password must not be stored.
 */
import { randomBytes } from 'node:crypto';
import type { SecretSources } from '../../../settings';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import type { FormLogin, FormLoginStep, GrantApi, GrantTokens } from '../../../vendors/capabilities/login';
import type { VendorResponse } from '../../../vendors/contract';
import { boughtOf, checkTokens, type GrantDeps, grantSecrets, keepGrant } from './grant';
import { type LoginCallDeps, loginCall, newProofKey } from './login-call';
import { SecretValues } from './secret-values';

export type FormLoginEnd =
  | { readonly kind: 'done'; readonly subject: string | null }
  | { readonly kind: 'refused'; readonly message: string; readonly wrongCredentials: boolean }
  | { readonly kind: 'failed'; readonly message: string };

/** More than any login has, and an end to one that goes round. */
const MOST_REQUESTS = 20;
const ENTRY_WAIT_MS = 30_000;

/** `kept`: tokens came, and what followed went wrong. */
type Step = FormLoginStep | { readonly kind: 'kept' };

/** Somebody else's credentials were good. Nothing of that login is kept. */
export class OtherUser extends Error {
  override readonly name = 'OtherUser';
}

/**
 * @param only the account's user, by the vendor's id: a login of anybody else, or of an unknown user, is not kept.
 * @throws PoolClosed, PermitWait, CallFailed, UnreadableLogin, OtherUser.
 */
export async function logInByForm(
  deps: LoginCallDeps &
    Pick<GrantDeps, 'grants' | 'spool' | 'stopping'> & { readonly secrets: SecretSources },
  account: CallableAccount,
  grant: GrantApi & { readonly login: FormLogin },
  fields: Readonly<Record<string, string>>,
  only?: { readonly subject: string | null },
): Promise<FormLoginEnd> {
  const { values, digest } = await grantSecrets(deps, grant);
  const entered = grant.login.fields.filter(({ secret }) => secret).map(({ name }) => fields[name] ?? '');
  const proof = newProofKey();
  const secrets = [...Object.values(values), ...entered, proof.verifier].filter((value) => value !== '');
  const hide = (text: string) => SecretValues.of(secrets).hideInMessage(text);
  const nonce = randomBytes(24).toString('base64url');
  let step: Step = grant.login.begin({ fields, secrets: values, proof, nonce });
  let at = performance.now();
  let kept: Promise<FormLoginEnd> | null = null;
  // Kept as soon as it is read: it is not to be had again.
  const keep = async (given: GrantTokens): Promise<FormLoginEnd> => {
    const tokens = checkTokens({ ok: true, value: given });
    if (!tokens.ok) return { kind: 'failed', message: hide(tokens.problem) };
    if (given.refreshToken === undefined)
      return { kind: 'failed', message: 'the vendor gave no refresh token' };
    const { subject = null } = given;
    if (only !== undefined && (subject === null || subject !== only.subject)) {
      throw new OtherUser(`another user than that of account ${account.name} has logged in`);
    }
    const bought = boughtOf(grant, given, digest);
    await keepGrant(deps, account, { account: account.poolKey, generation: null, bought }, at);
    return { kind: 'done', subject };
  };
  for (let sent = 0; step.kind === 'request'; sent++) {
    if (sent === MOST_REQUESTS) return { kind: 'failed', message: `no end after ${MOST_REQUESTS} requests` };
    const { request, next }: Extract<FormLoginStep, { kind: 'request' }> = step;
    at = performance.now();
    const asked: Promise<Step> = loginCall<FormLoginStep>(deps, account, {
      operation: grant.login.operation,
      request,
      secrets,
      inlineWaitMs: ENTRY_WAIT_MS,
      judge: (response) => {
        const found = next(response);
        if (found.kind === 'tokens') {
          kept = keep(found.tokens);
          kept.catch(() => undefined);
        }
        // What the vendor says of its quota comes before what it says of a password.
        return (found.kind === 'refused' || found.kind === 'unreadable') &&
          isLimited(account, grant, response)
          ? null
          : found;
      },
    });
    // Tokens that have come are good, whatever went wrong with the books of the call.
    step = await asked.catch((error: unknown) => {
      if (kept === null) throw error;
      return { kind: 'kept' };
    });
  }
  if (step.kind === 'refused') {
    const message = hide([step.code, step.message].filter(Boolean).join(': '));
    return { kind: 'refused', message, wrongCredentials: step.wrongCredentials ?? false };
  }
  if (step.kind === 'unreadable') return { kind: 'failed', message: hide(step.problem) };
  if (step.kind === 'tokens') kept ??= keep(step.tokens);
  if (kept === null) throw new Error('the login has brought nothing');
  return kept;
}

function isLimited(
  { vendor, name }: CallableAccount,
  { login }: { readonly login: FormLogin },
  response: VendorResponse,
): boolean {
  const call = { vendor: vendor.id, account: name, operation: login.operation, attributes: {} };
  const { kind } = vendor.classify(call, { kind: 'response', response }, Date.now());
  return kind === 'quota' || kind === 'rate' || kind === 'server' || kind === 'blocked' || kind === 'billing';
}
