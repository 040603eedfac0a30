/** The gateway to vendors as this process uses it by itself: with the same permits, tokens and counts as every worker. */
import type { Pool } from 'pg';
import pino from 'pino';
import { Agent, type Dispatcher } from 'undici';
import { PermitGate } from '../../../activities/gateway/permits/gate';
import type { KeepDeps } from '../../../activities/gateway/spool/held';
import { VendorGateway } from '../../../activities/gateway/vendor-call';
import type { Settings } from '../../../settings';
import { CallCounter } from '../../../store/permits/call-counts';

export interface OwnGateway {
  readonly gateway: VendorGateway;
  readonly dispatcher: Dispatcher;
}

/** Connections to vendors, closed by whoever asks for them; those that nobody uses end by themselves. */
export function createDispatcher({ http }: Settings): Agent {
  return new Agent({ connect: { timeout: http.connectTimeoutMs } });
}

/**
 * Counts are written and connections closed when `work` has ended.
 * @param spool where refusals are kept while Postgres is away; null: in memory. @throws what `work` throws.
 */
export async function withOwnGateway<T>(
  db: Pool,
  settings: Settings,
  work: (own: OwnGateway) => Promise<T>,
  spool: KeepDeps['spool'] = null,
): Promise<T> {
  const dispatcher = createDispatcher(settings);
  const counter = new CallCounter(db);
  const gateway = new VendorGateway({
    db,
    gate: new PermitGate(db, { leadMs: settings.permits.leadMs }),
    counter,
    generations: null,
    spool,
    // What there is to say is in the result.
    log: pino({ level: 'silent' }),
    // What a verdict does to the pool stands in Postgres, where its workflow sees it.
    notifyPool: async () => undefined,
  });
  try {
    return await work({ gateway, dispatcher });
  } finally {
    await counter.flush();
    await dispatcher.close();
  }
}
