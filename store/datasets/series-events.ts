/** Events about the data of a series, which is named by account and dataset, never by its number. */
import type { PoolClient } from 'pg';
import type { EventData, StoredEventKind } from '../../quota/events';
import { insertEvent } from '../events/events';
import type { Span } from './span';

export type WindowEventKind = Extract<StoredEventKind, `window.${string}` | 'rows.set_aside'>;

export interface WindowOfSeries {
  /** Of the account; null: listed under no pool. */
  readonly poolKey: string | null;
  readonly seriesId: number;
  readonly span: Span;
}

type NamedFields = 'dataset' | 'account' | 'partition' | 'from' | 'to';

/** To be called in the transaction that makes it true. */
export async function insertWindowEvent<Kind extends WindowEventKind>(
  client: PoolClient,
  kind: Kind,
  { poolKey, seriesId, span }: WindowOfSeries,
  data: Omit<EventData<Kind>, NamedFields>,
): Promise<void> {
  const { rows } = await client.query<{ dataset: string; account: string; partition: object }>(
    'select dataset, account, partition_key as partition from series where id = $1',
    [seriesId],
  );
  const window = { from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString() };
  await insertEvent(client, kind, poolKey, { ...rows[0], ...window, ...data } as unknown as EventData<Kind>);
}
