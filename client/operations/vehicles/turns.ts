/** How often one end user may read, or be checked, over all processes. */
import type { Pool } from 'pg';
import type { Backend } from '../backend/backend';
import { OperationError } from '../errors';
import { readService } from './service';

/** @throws OperationError when this end user has had as many turns as a minute allows. */
export async function takeTurn(
  db: Pool,
  backend: Pick<Backend, 'settings' | 'dir'>,
  field: string,
  user: string,
): Promise<void> {
  const { userPerMinute } = backend.settings.reads;
  if (userPerMinute === 0) return;
  const { buckets, readerOf } = readService(db, backend);
  const waitMs = await buckets.take(await readerOf(user), userPerMinute);
  if (waitMs === null) return;
  const inSeconds = Math.ceil(waitMs / 1000);
  throw new OperationError([
    {
      code: 'LIMIT_REACHED',
      field,
      message: `has asked too often: ${userPerMinute} reads a minute are allowed (reads.userPerMinute); again in ${inSeconds} s`,
      wait: { limit: 'reads.userPerMinute', until: Date.now() + waitMs },
    },
  ]);
}

/** What stands for an end user where requests are counted, the same in all processes. */
export function digestOfUser(backend: Backend, user: string): Promise<string> {
  return backend.database((db) => readService(db, backend).readerOf(user));
}
