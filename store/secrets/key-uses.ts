/** Which keys of the vault rows are encrypted with. */
import type { Pool } from 'pg';

export interface KeyUse {
  readonly keyId: string;
  readonly what: 'vaultEntries' | 'tokens' | 'grants';
  readonly rows: number;
}

export async function listKeyUses(db: Pool): Promise<readonly KeyUse[]> {
  const { rows } = await db.query<KeyUse>(
    `select 'vaultEntries' as what, key_id as "keyId", count(*)::int as rows from vault group by key_id
     union all
     select 'tokens', key_id, count(*)::int from tokens where key_id is not null group by key_id
     union all
     select 'grants', key_id, count(*)::int from (
       select key_id from grants where key_id is not null
       union all select key_id from logins where key_id is not null) these group by key_id`,
  );
  return rows;
}
