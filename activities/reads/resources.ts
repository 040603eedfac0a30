/**
 * The one resource that an account keeps at the vendor, a container say. It is looked up before it is made: one whose
 * creation had no answer is found that way, and none is left behind.
 */

import type { Pool } from 'pg';
import { loadAnswer } from '../../store/reads/answers';
import { ensureRead, findRead, forgetAnswer, type ReadKey, type ReadLease } from '../../store/reads/reads';
import type { ResourceApi } from '../../vendors/capabilities/vehicles';
import type { KeepDeps } from '../gateway/spool/held';
import { askVendor, type CallTerms, failureOf, Hindered, stored } from './calls';
import type { Lookups } from './lookups';

const READ = 'resource';
/** Once made, it is good until the vendor says that it has gone. */
const FOR_EVER = Number.POSITIVE_INFINITY;

export class Resources {
  constructor(
    private readonly keep: KeepDeps,
    private readonly lookups: Lookups,
  ) {}

  /** @returns its id. @throws Hindered when there is none and none can be made now. */
  async get(terms: CallTerms, api: ResourceApi): Promise<string> {
    const key = keyOf(terms.account);
    await this.forgetOther(key, api);
    const found = await this.lookups.find({
      key,
      maxAgeMs: FOR_EVER,
      force: terms.force,
      patienceMs: terms.waitMs + terms.account.vehicles.timeoutMs,
      hinderedBy: `${terms.account.poolKey}/${READ}`,
      whyClosed: () => terms.way.gateway.whyClosed(terms.account),
      ask: (lease) => this.make(terms, api, lease),
    });
    const kept = found.stale === null ? await keptOf(this.keep.db, found.row.id) : null;
    if (kept !== null) return kept.id;
    throw new Hindered(
      found.stale ?? { cause: 'failed', reason: 'what the vendor has made has no id', until: null },
    );
  }

  /** The vendor reports `gone` as missing: one caller looks up another, or makes one. */
  async replace(terms: CallTerms, api: ResourceApi, gone: string): Promise<string> {
    const row = await ensureRead(this.keep.db, keyOf(terms.account));
    if ((await keptOf(this.keep.db, row.id))?.id === gone) await forgetAnswer(this.keep.db, row);
    return this.get(terms, api);
  }

  /** One that was made for other settings serves no more. */
  private async forgetOther(key: ReadKey, api: ResourceApi): Promise<void> {
    const { db } = this.keep;
    const row = await findRead(db, key);
    if (row === null || row.answeredAt === null) return;
    const kept = await keptOf(db, row.id);
    if (kept !== null && !isFor(kept, api)) await forgetAnswer(db, row);
  }

  private async make(terms: CallTerms, api: ResourceApi, lease: ReadLease): Promise<void> {
    // What was kept before has gone, whatever a list that lags says.
    const before = await keptOf(this.keep.db, lease.id);
    const gone = before !== null && isFor(before, api) ? before.id : null;
    const { operations } = api;
    const listed = await askVendor(terms, {
      operation: operations.list,
      request: api.list(),
      parse: (body) => api.parseList(body),
    });
    const ours = listed.value.filter(({ id, kind }) => kind === 'ours' && id !== gone);
    const [kept, ...others] = ours;
    const stale = listed.value.filter(({ id, kind }) => kind === 'stale' && id !== gone);
    for (const { id } of [...others, ...stale]) await this.remove(terms, api, id);
    const made =
      kept === undefined
        ? await askVendor(terms, {
            operation: operations.create,
            request: api.create(),
            parse: (body) => api.parseCreate(body),
          })
        : { ...listed, value: kept.id };
    const { at, requestId } = made;
    const answer = { values: {}, records: [{ id: made.value, identity: api.identity ?? '' }] };
    await stored(this.keep, {
      ...{ kind: 'answer', account: terms.account.name, lease, at, described: null },
      answer: { answer, source: 'call', requestId },
    });
  }

  /** One that the vendor does not delete is no reason to go without: it is found with the next list. */
  private async remove(terms: CallTerms, api: ResourceApi, id: string): Promise<void> {
    try {
      const parse = () => ({ ok: true, value: null }) as const;
      await askVendor(terms, { operation: api.operations.remove, request: api.remove(id), parse });
    } catch (error) {
      if (failureOf(error) === null) throw error;
    }
  }
}

interface Kept {
  readonly id: string;
  readonly identity: string;
}

async function keptOf(db: Pool, readId: number): Promise<Kept | null> {
  const { records } = await loadAnswer(db, readId);
  const { id, identity } = records?.[0] ?? {};
  return typeof id === 'string' ? { id, identity: typeof identity === 'string' ? identity : '' } : null;
}

function isFor({ identity }: Kept, api: ResourceApi): boolean {
  return identity === (api.identity ?? '');
}

/** Whether one is kept that is what the settings want: then none is looked up. */
export async function hasResource(db: Pool, account: { readonly name: string }, api: ResourceApi) {
  const row = await findRead(db, keyOf(account));
  if (row === null || row.answeredAt === null) return false;
  const kept = await keptOf(db, row.id);
  return kept !== null && isFor(kept, api);
}

function keyOf({ name }: { readonly name: string }): ReadKey {
  return { account: name, vehicleId: '', read: READ, params: {} };
}
