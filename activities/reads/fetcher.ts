/** Calls vendors for reads and stores the answers; storing one gives the lease back. */
import type { ReadKey, ReadLease, ReadRow } from '../../store/reads/reads';
import { staleVehicles } from '../../store/reads/vehicles';
import type { ReadAnswer, ReadDescription } from '../../vendors/capabilities/vehicles';
import { CallFailed } from '../gateway/call-errors';
import type { KeepDeps } from '../gateway/spool/held';
import { type Answered, askVendor, type CallTerms, stored } from './calls';
import { keepRead } from './kept';
import { allPages } from './pages';
import type { Resources } from './resources';

export class ReadFetcher {
  constructor(
    private readonly keep: KeepDeps,
    private readonly resources: Resources,
  ) {}

  async list(terms: CallTerms, lease: ReadLease): Promise<void> {
    const { account } = terms;
    const { vehicles: api } = account;
    const { value, requestId, at } = await askVendor(terms, {
      operation: api.operation,
      request: api.vehicles(),
      parse: (body) => api.parseVehicles(body),
    });
    const list = { kind: 'list', vehicles: value, requestId } as const;
    await stored(this.keep, { ...list, account: account.name, lease, at });
  }

  async one(
    terms: CallTerms,
    description: ReadDescription,
    key: ReadKey,
    lease: ReadLease,
    row: ReadRow,
  ): Promise<void> {
    const { source } = terms;
    const { at, ...answered } = await this.pagesOf(terms, description, key, lease, row);
    const { next: _, ...answer } = answered.value;
    const { pages, requestId } = answered;
    const { name: account, vehicles: api } = terms.account;
    const described = api.describe?.(description.name, answered.value) ?? null;
    await stored(this.keep, {
      ...{ kind: 'answer', account, lease, at },
      answer: { answer, source, requestId, ...(pages === undefined ? {} : { pages }) },
      described: described && { vehicleId: key.vehicleId, vehicle: described },
    });
  }

  private async pagesOf(
    terms: CallTerms,
    { name, operation, needsResource }: ReadDescription,
    { vehicleId, params }: ReadKey,
    lease: ReadLease,
    row: ReadRow,
  ): Promise<Answered<ReadAnswer>> {
    const { name: account, vehicles: api } = terms.account;
    const ask = (resource: string | null) =>
      allPages(
        {
          ask: (next) =>
            askVendor(terms, {
              operation,
              vehicleId,
              request: api.read(name, { vehicleId, params, resource, next }),
              parse: (body) => api.parseRead(name, body),
            }),
          keep: (progress) =>
            keepRead(this.keep, { kind: 'pages', account, lease, at: progress.answer.at, progress }),
        },
        row,
        resource,
      );
    const { resource: resources } = api;
    if (!needsResource || resources === undefined) return ask(null);
    const resource = await this.resources.get(terms, resources);
    try {
      return await ask(resource);
    } catch (error) {
      if (!(error instanceof CallFailed) || !resources.isGone(error.verdict.evidence.code)) throw error;
      // Once: what has gone again at once is a failure of the read.
      return ask(await this.resources.replace(terms, resources, resource));
    }
  }

  async together(
    terms: CallTerms,
    description: ReadDescription,
    key: ReadKey,
    lease: ReadLease,
    staleMs: number,
  ): Promise<void> {
    const { db } = this.keep;
    const { source } = terms;
    const { name, operation, together = 1 } = description;
    const { vehicles: api } = terms.account;
    if (api.readTogether === undefined || api.parseTogether === undefined)
      throw new RangeError(`${name} of ${terms.account.vendor.id} is said to be read together and is not`);
    const others = await staleVehicles(db, key, staleMs, together - 1);
    const ids = [key.vehicleId, ...others];
    const parse = api.parseTogether;
    const answered = await askVendor(terms, {
      operation,
      request: api.readTogether(name, ids),
      parse: (body) => parse(name, body),
    });
    const { at, requestId } = answered;
    const answers = ids.map((id) => {
      const { next: _, ...answer } = answered.value.get(id) ?? { values: {}, next: null };
      return [id, { answer, source, requestId }] as const;
    });
    await stored(this.keep, { kind: 'answers', account: key.account, lease, at, key, answers });
  }
}
