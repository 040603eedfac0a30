/**
 * Detects several useless answers in a row that are all alike: then the items are not to blame. One refusal says
 * nothing about other items, so a run goes on; a few of the same kind, with no usable answer in between, stop it
 * before thousands of items are spent on the same cause. Pure.
 */
import type { Verdict } from '../verdict';

export type AlikeCause =
  /** Refused as a request; `request`: found wrong; `declined`: answered with a refusal by the model. */
  | 'blocked'
  | 'gone'
  | 'quota'
  | 'request'
  | 'declined'
  /** Refused in the words for what concerns all: the credentials, the account, the model. */
  | 'access'
  /** Cut short. */
  | 'incomplete'
  /** Answered, and with no text. */
  | 'empty'
  /** Another API's answer, or none of any. */
  | 'shape'
  | 'stream'
  /** A success that is no answer at all: a page, nothing, half of one. It may pass by itself. */
  | 'page'
  | 'timeout'
  /** The vendor failed in a file's lines until the items had no attempt left. */
  | 'failure';

/** Causes that an item itself may be to blame for: it counts even after it was put back. */
export const ITEMS_OWN: readonly AlikeCause[] = ['request', 'declined', 'incomplete'];

/** `<cause>:<what else is alike>`. */
export type AlikeKey = `${AlikeCause}:${string}`;

/** In a row, when nothing else is known. A cause that may pass gets the breaker's pause, and one try after it. */
const FEW: Readonly<Record<AlikeCause, number>> = {
  ...{ blocked: 3, gone: 3, quota: 3, access: 3 },
  ...{ request: 5, declined: 5, incomplete: 5, empty: 5, shape: 5, stream: 5, timeout: 5, failure: 5 },
  page: 6,
};
/** A row that chance brings about more rarely than this, at the share seen so far, is none of chance. */
const CHANCE = 1e-6;
const MOST = 50;

/** A transport error of this code means that no answer came in time. */
const TIMEOUT_CODES: ReadonlySet<string | undefined> = new Set(['ETIMEDOUT', 'UND_ERR_HEADERS_TIMEOUT']);

/**
 * Null for a verdict that says nothing about the answers to other items, or that concerns all by itself. A vendor may
 * number its refusals, or give each item another code: refused is refused.
 */
export function alikeOf(verdict: Verdict): AlikeKey | null {
  const { httpStatus, code = '' } = verdict.evidence;
  switch (verdict.kind) {
    case 'auth':
      return `access:${httpStatus}`;
    case 'blocked':
      if (verdict.ofRequest) return `blocked:${httpStatus}`;
      return verdict.reason === 'configuration' ? null : `access:${httpStatus}`;
    case 'gone':
      return `${verdict.ofRequest ? 'gone' : 'access'}:${httpStatus}`;
    case 'quota':
      return verdict.ofRequest ? `quota:${httpStatus}` : null;
    case 'invalid':
      return code === 'event_stream' ? 'stream:' : `request:${httpStatus}`;
    case 'server':
      if (httpStatus === undefined) return TIMEOUT_CODES.has(code) ? 'timeout:' : null;
      return verdict.ambiguous && httpStatus < 300 ? 'page:' : null;
    default:
      return null;
  }
}

export function causeOf(key: AlikeKey): AlikeCause {
  return key.slice(0, key.indexOf(':')) as AlikeCause;
}

/**
 * How many items in a row are too many to be chance.
 * @param usable answers so far that could be used. @param alike items before the row that ended alike.
 */
export function rowNeeded(key: AlikeKey, usable: number, alike: number): number {
  const few = FEW[causeOf(key)];
  if (alike === 0) return few;
  const share = alike / (usable + alike);
  if (share >= 1) return MOST;
  return Math.min(MOST, Math.max(few, Math.ceil(Math.log(CHANCE) / Math.log(share))));
}

/** An item that was put back this often keeps its next answer. */
export const MOST_PUT_BACK = 2;

/** The answer that an item got before it was put back. */
export interface PutBack {
  readonly alike: string;
  readonly times: number;
  /** Epoch ms. */
  readonly at: number;
}

/**
 * Whether an item is at fault that is answered as it was before it was put back. What is refused in the words for all
 * may be true of all for long: that counts only where others were accepted.
 * @param lastUsableAt epoch ms of the last usable answer to any item; 0 when there was none, or it is not known.
 */
export function isOwn(before: PutBack | null, key: AlikeKey, lastUsableAt: number): boolean {
  if (before?.alike !== key) return false;
  const isOften = before.times >= MOST_PUT_BACK && (causeOf(key) !== 'access' || lastUsableAt > 0);
  return isOften || lastUsableAt > before.at;
}

/** The answers of a run so far. */
export interface AlikeTally {
  readonly usable: number;
  /** Items by what they have in common, those of the row included. */
  readonly alike: ReadonlyMap<string, number>;
  /** The latest ones, with no usable answer since. */
  readonly row: { readonly key: AlikeKey; readonly items: readonly number[] } | null;
}

export class AlikeRow {
  private usableCount: number;
  private readonly before: Map<string, number>;
  private key: AlikeKey | null;
  private items: Set<number>;

  constructor({ usable, alike, row }: AlikeTally) {
    this.usableCount = usable;
    this.before = new Map(alike);
    this.key = row?.key ?? null;
    this.items = new Set(row?.items);
    if (row) this.before.set(row.key, Math.max(0, (alike.get(row.key) ?? 0) - this.items.size));
  }

  usable(): void {
    this.usableCount++;
    this.end();
  }

  /** @returns the items of the row when they speak of all; the row is over then. */
  add(key: AlikeKey, item: number): readonly number[] | null {
    if (key !== this.key) this.end();
    this.key = key;
    this.items.add(item);
    if (this.items.size < rowNeeded(key, this.usableCount, this.before.get(key) ?? 0)) return null;
    return this.takeBack(key);
  }

  /** Items before the row that ended alike, so that usable answers have come since. */
  seen(key: AlikeKey): number {
    return this.before.get(key) ?? 0;
  }

  /** @returns the items of the row when it is of this kind; the row is over then, and they have not ended so. */
  takeBack(key: AlikeKey): readonly number[] {
    if (key !== this.key) return [];
    const row = [...this.items];
    this.items = new Set();
    this.key = null;
    return row;
  }

  private end(): void {
    if (this.key !== null) this.before.set(this.key, (this.before.get(this.key) ?? 0) + this.items.size);
    this.items = new Set();
    this.key = null;
  }
}
