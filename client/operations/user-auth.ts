/**
 * Checks an end user's credentials from this process, through the same door and with the same permits as every
 * worker. No workflow takes part: what Temporal is given it keeps, and a password is not for keeping.
 */
import type { Pool } from 'pg';
import pino from 'pino';
import { Agent } from 'undici';
import {
  authenticateUser,
  type UserAuthResult,
  type UserCredentials,
} from '../../activities/commands/user-auth';
import type { FleetAccount } from '../../activities/fleet/account';
import { PermitGate } from '../../activities/gateway/permit-gate';
import { VendorDoor } from '../../activities/gateway/vendor-call';
import type { Settings } from '../../settings';
import { CallCounter } from '../../store/permits/call-counts';

/** @param waitMs longest wait for permits and between tries. */
export async function checkUser(
  db: Pool,
  settings: Settings,
  account: FleetAccount,
  credentials: UserCredentials,
  waitMs: number,
): Promise<UserAuthResult> {
  const dispatcher = new Agent({ connect: { timeout: settings.http.connectTimeoutMs } });
  const counter = new CallCounter(db);
  const door = new VendorDoor({
    db,
    gate: new PermitGate(db, { leadMs: settings.permits.leadMs }),
    counter,
    generations: null,
    // What there is to say is in the result.
    log: pino({ level: 'silent' }),
    // An end user's verdicts are none of the pool's; a pool row that is lost is noticed by the next worker.
    notifyPool: async () => undefined,
  });
  try {
    return await authenticateUser({ door, dispatcher }, account, credentials, waitMs);
  } finally {
    await counter.flush();
    await dispatcher.close();
  }
}
