/** The login by device code (RFC 8628), with a proof key (RFC 7636). */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { provesKey } from '../../bmw/simulator/forms';
import type { Grant, GrantDesk } from '../../bmw/simulator/grants';
import type { SimUser } from '../../bmw/simulator/users';
import { json } from '../../kit/server/server';
import type { SimAnswer } from '../../kit/vendor';
import { oauthError } from './errors';
import type { CarDataScenario } from './options';

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
export const LINK_PATH = '/oneid/link';
/** A timer may fire so much early. */
const TIMER_MS = 50;

const codeSchema = z.object({
  type: z.literal('code'),
  deviceCode: z.string(),
  userCode: z.string(),
  clientId: z.string(),
  scope: z.string(),
  challenge: z.string(),
  expiresAt: z.number(),
});
const decisionSchema = z.object({
  type: z.literal('decision'),
  userCode: z.string(),
  /** Who approved; null when refused. */
  gcid: z.string().nullable(),
});
const redeemedSchema = z.object({ type: z.literal('redeemed'), deviceCode: z.string() });
const entrySchema = z.discriminatedUnion('type', [codeSchema, decisionSchema, redeemedSchema]);
type Entry = z.infer<typeof entrySchema>;

interface Code extends z.infer<typeof codeSchema> {
  intervalMs: number;
  lastPollAt: number;
  polls: number;
  decision: SimUser | 'denied' | null;
  redeemed: boolean;
}

export class DeviceCodeDesk {
  private readonly codes = new Map<string, Code>();

  constructor(
    private readonly options: CarDataScenario['login'],
    private readonly users: readonly SimUser[],
    private readonly record: (entry: Entry) => void,
  ) {}

  knowsClient(clientId: string): boolean {
    const { clients } = this.options;
    return clientId !== '' && (clients.length === 0 || clients.includes(clientId));
  }

  /** Answers `POST /gcdm/oauth/device/code`. */
  start(form: URLSearchParams, origin: string, now: number): SimAnswer {
    const field = (name: string) => form.get(name) ?? '';
    if (!this.knowsClient(field('client_id'))) return oauthError('invalid_client', 'The client is not known');
    if (field('response_type') !== 'device_code') {
      return oauthError('invalid_request', 'response_type must be device_code');
    }
    if (field('scope') === '') return oauthError('invalid_request', 'scope is missing');
    if (field('code_challenge') === '' || field('code_challenge_method') !== 'S256') {
      return oauthError('invalid_request', 'a code_challenge by code_challenge_method S256 is needed');
    }
    const entry = {
      type: 'code' as const,
      deviceCode: randomBytes(24).toString('base64url'),
      userCode: randomBytes(4).toString('hex').toUpperCase(),
      clientId: field('client_id'),
      scope: field('scope'),
      challenge: field('code_challenge'),
      expiresAt: now + this.options.expiresSeconds * 1000,
    };
    this.apply(entry);
    this.record(entry);
    const uri = `${origin}${LINK_PATH}`;
    return {
      ...json(200, {
        user_code: entry.userCode,
        device_code: entry.deviceCode,
        interval: this.options.intervalSeconds,
        verification_uri: uri,
        verification_uri_complete: `${uri}?user_code=${entry.userCode}`,
        expires_in: this.options.expiresSeconds,
      }),
      detail: { userCode: entry.userCode },
    };
  }

  /** A poll: tokens, or why there are none yet. */
  poll(form: URLSearchParams, grants: GrantDesk, now: number): Grant | SimAnswer {
    const code = this.codes.get(form.get('device_code') ?? '');
    if (!code || code.clientId !== form.get('client_id')) {
      return oauthError('invalid_grant', 'The device code is not known');
    }
    if (code.redeemed) return oauthError('invalid_grant', 'The device code has been used');
    if (now >= code.expiresAt) return oauthError('expired_token', 'The device code has expired');
    const tooFast = now - code.lastPollAt < code.intervalMs - TIMER_MS;
    code.lastPollAt = now;
    code.polls++;
    if (tooFast) {
      code.intervalMs += this.options.slowDownSeconds * 1000;
      return oauthError('slow_down', 'Poll less often');
    }
    if (!provesKey(form.get('code_verifier') ?? '', code.challenge)) {
      return oauthError('invalid_grant', 'The code_verifier does not match');
    }
    const { approveAfterPolls } = this.options;
    if (code.decision === null && approveAfterPolls !== undefined && code.polls > approveAfterPolls) {
      this.decide(code.userCode, this.users[0]?.gcid ?? null);
    }
    if (code.decision === 'denied') return oauthError('access_denied', 'The user has refused');
    if (code.decision === null) {
      return oauthError('authorization_pending', 'The user has not yet approved the request');
    }
    const redeemed = { type: 'redeemed' as const, deviceCode: code.deviceCode };
    this.apply(redeemed);
    this.record(redeemed);
    return grants.issue(code.decision, code.clientId, code.scope, now);
  }

  /** What a person does who follows the link. @param gcid who approves; null refuses. False: no such code. */
  decide(userCode: string, gcid: string | null): boolean {
    const known = [...this.codes.values()].some((code) => code.userCode === userCode);
    if (!known) return false;
    const entry = { type: 'decision' as const, userCode, gcid };
    this.apply(entry);
    this.record(entry);
    return true;
  }

  /** Codes that wait for a person. */
  waiting(now: number): { readonly userCode: string; readonly polls: number }[] {
    return [...this.codes.values()]
      .filter((code) => code.decision === null && now < code.expiresAt)
      .map(({ userCode, polls }) => ({ userCode, polls }));
  }

  /** True when the entry was one of ours. */
  replay(entry: unknown): boolean {
    const parsed = entrySchema.safeParse(entry);
    if (parsed.success) this.apply(parsed.data);
    return parsed.success;
  }

  private apply(entry: Entry): void {
    if (entry.type === 'code') {
      const intervalMs = this.options.intervalSeconds * 1000;
      const fresh = { intervalMs, lastPollAt: Number.NEGATIVE_INFINITY, polls: 0, decision: null };
      this.codes.set(entry.deviceCode, { ...entry, ...fresh, redeemed: false });
    } else if (entry.type === 'redeemed') {
      const code = this.codes.get(entry.deviceCode);
      if (code) code.redeemed = true;
    } else {
      const code = [...this.codes.values()].find((c) => c.userCode === entry.userCode);
      if (code) code.decision = this.users.find((user) => user.gcid === entry.gcid) ?? 'denied';
    }
  }
}
