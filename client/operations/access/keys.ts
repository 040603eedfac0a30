/** Use cases of the HTTP API's keys. A key is shown once, when it is made, and can never be read again. */
import { z } from 'zod';
import { takeRequestShare, type WantedRequests } from '../../../store/api/key-use';
import { type ApiKey, createKey, findKey, hasKeys, listKeys, revokeKey } from '../../../store/api/keys';
import type { Backend } from '../backend/backend';
import { problem } from '../errors';
import { name, until, whole } from '../fields';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';

const SCOPES = ['read', 'operate', 'admin'] as const;

const keyName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/,
    'must be a name of letters, digits, dot, dash, underscore and @',
  );

export const createApiKey = operation({
  about: 'make a key for the HTTP API; it is shown this once',
  input: z.strictObject({
    name: keyName,
    scope: z.enum(SCOPES, { error: `must be one of ${SCOPES.join(', ')}` }).default('read'),
    /** A time, or a length such as `90d`; none: for ever. */
    expires: until.optional(),
    requestsPerMinute: whole(1, 1_000_000).optional(),
  }),
  json: ({ key, ...made }: ApiKey & { readonly key: string }) => ({ ...keyJson(made), key }),
  run: async (backend, given) => {
    const made = await backend.database((db) =>
      createKey(db, {
        name: given.name,
        scope: given.scope,
        requestsPerMinute: given.requestsPerMinute ?? null,
        expiresAt: given.expires ?? null,
        by: backend.caller,
      }),
    );
    if (made !== null) return made;
    throw problem(
      'ID_TAKEN',
      'name',
      `"${given.name}" is the name of a key in use; revoke that one or choose another`,
    );
  },
});

export const listApiKeys = operation({
  about:
    'keys of the HTTP API: whose, what they may, and when they were last used; never the keys themselves',
  input: z.strictObject({}),
  json: (keys: readonly ApiKey[]) => keys.map(keyJson),
  run: (backend): Promise<readonly ApiKey[]> => backend.database(listKeys),
});

export const revokeApiKey = operation({
  about: 'refuse a key from now on',
  /** Its name, or its id. */
  input: z.strictObject({ key: name }),
  json: keyJson,
  run: async (backend, given) => {
    const revoked = await backend.database((db) => revokeKey(db, given.key, backend.caller));
    if (revoked !== null) return revoked;
    throw problem('NOT_FOUND', 'key', `no key in use has this name or id`);
  },
});

function keyJson({ createdAt, expiresAt, revokedAt, lastUsedAt, ...key }: ApiKey) {
  return {
    ...key,
    createdAt: isoOrNull(createdAt),
    expiresAt: isoOrNull(expiresAt),
    revokedAt: isoOrNull(revokedAt),
    lastUsedAt: isoOrNull(lastUsedAt),
  };
}

/** Whom a key is of; null for one that is not known, has expired or was revoked. */
export function knownKey(backend: Backend, text: string): Promise<ApiKey | null> {
  return backend.database((db) => findKey(db, text));
}

/** Takes a part of what a caller may ask within a minute, over all processes. */
export function takeRequests(backend: Pick<Backend, 'database'>, wanted: WantedRequests) {
  return backend.database((db) => takeRequestShare(db, wanted));
}

/** Whether anybody could use one. */
export function someKey(backend: Backend): Promise<boolean> {
  return backend.database(hasKeys);
}
