/**
 * Logins by a person: one row for each, from the first request to its end.
 *
 *   starting ─▶ waiting (for the person) ─▶ done, refused, expired, failed or cancelled
 *
 * What a poll needs lies encrypted in the row, and is gone with its end: no workflow carries it.
 */
import type { Pool } from 'pg';
import type { ProofKey } from '../../vendors/capabilities/login';
import type { KeyRing } from './keyring';

export type LoginKind = 'device-code' | 'form' | 'password';
export type LoginState = 'starting' | 'waiting' | 'done' | 'refused' | 'expired' | 'failed' | 'cancelled';

/** Times are epoch ms. Holds no secret. */
export interface LoginRecord {
  readonly id: number;
  readonly account: string;
  readonly kind: LoginKind;
  readonly state: LoginState;
  /** How it ended, for people. */
  readonly message: string;
  /** Where the person goes, and what is entered there; null before that is known. */
  readonly url: string | null;
  readonly userCode: string | null;
  readonly intervalMs: number | null;
  readonly expiresAt: number | null;
  readonly askedBy: string;
  readonly createdAt: number;
  readonly endedAt: number | null;
}

/** What polling needs. */
export interface DeviceSecrets {
  readonly deviceCode: string;
  readonly proof: ProofKey;
}

const COLUMNS = `id, account, kind, state, message, url, user_code as "userCode", interval_ms as "intervalMs",
  expires_at as "expiresAt", asked_by as "askedBy", created_at as "createdAt", ended_at as "endedAt"`;

export async function createLogin(
  db: Pool,
  login: Pick<LoginRecord, 'account' | 'kind' | 'askedBy'>,
): Promise<LoginRecord> {
  const { rows } = await db.query<LoginRecord>(
    `insert into logins (account, kind, asked_by) values ($1, $2, $3) returning ${COLUMNS}`,
    [login.account, login.kind, login.askedBy],
  );
  if (!rows[0]) throw new Error('a login was not stored');
  return rows[0];
}

export async function readLogin(db: Pick<Pool, 'query'>, id: number): Promise<LoginRecord | null> {
  const { rows } = await db.query<LoginRecord>(`select ${COLUMNS} from logins where id = $1`, [id]);
  return rows[0] ?? null;
}

/** Ends it, unless it has ended. @returns it as it stands then; null when there is none. */
export async function endLogin(
  db: Pick<Pool, 'query'>,
  id: number,
  state: Exclude<LoginState, 'starting' | 'waiting'>,
  message: string,
): Promise<LoginRecord | null> {
  await db.query(
    `update logins set state = $2, message = $3, ended_at = clock_timestamp(), key_id = null, nonce = null,
       ciphertext = null where id = $1 and ended_at is null`,
    [id, state, message],
  );
  return readLogin(db, id);
}

export class LoginStore {
  constructor(
    private readonly db: Pool,
    private readonly keys: KeyRing,
  ) {}

  /** The vendor has given a code: the person is waited for. @returns false when the login has ended meanwhile. */
  async await(
    id: number,
    code: {
      readonly url: string;
      readonly userCode: string;
      readonly intervalMs: number;
      readonly expiresInMs: number;
    },
    secrets: DeviceSecrets,
  ): Promise<boolean> {
    const sealed = this.keys.seal('tokens', Buffer.from(JSON.stringify(secrets)), nameOf(id));
    const { rowCount } = await this.db.query(
      `update logins set state = 'waiting', url = $2, user_code = $3, interval_ms = $4,
         expires_at = clock_timestamp() + $5::float8 * interval '1 ms', key_id = $6, nonce = $7, ciphertext = $8
       where id = $1 and ended_at is null`,
      [
        ...[id, code.url, code.userCode, code.intervalMs, code.expiresInMs],
        ...[sealed.keyId, sealed.nonce, sealed.ciphertext],
      ],
    );
    return rowCount === 1;
  }

  /** Null when the login has ended. */
  async secrets(id: number): Promise<DeviceSecrets | null> {
    const { rows } = await this.db.query<{ key_id: string; nonce: Buffer; ciphertext: Buffer }>(
      'select key_id, nonce, ciphertext from logins where id = $1 and ciphertext is not null',
      [id],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const sealed = { keyId: row.key_id, nonce: row.nonce, ciphertext: row.ciphertext };
    const plain = this.keys.open('tokens', sealed, nameOf(id), `the device code of login ${id}`);
    return JSON.parse(plain.toString('utf8')) as DeviceSecrets;
  }
}

const nameOf = (id: number) => `login ${id}`;
