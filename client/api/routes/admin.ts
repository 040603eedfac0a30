/** Keys of the API, secrets of the vault, settings, and clearing away: for administrators. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';
import { instant, orNull } from './shapes';

const { keys, retention, settings, vault } = operations;

const key = z.object({
  id: z.string(),
  name: z.string(),
  scope: z.enum(['read', 'operate', 'admin']),
  requestsPerMinute: orNull(z.int()),
  createdAt: instant,
  createdBy: z.string(),
  expiresAt: orNull(instant),
  revokedAt: orNull(instant),
  lastUsedAt: orNull(instant),
});
const GET = { method: 'GET', scope: 'admin' } as const;
const POST = { method: 'POST', scope: 'admin' } as const;

export const ADMIN_ROUTES: readonly ApiRoute[] = [
  operationRoute(keys.list, { ...GET, tag: 'keys', path: '/keys', id: 'listKeys', result: z.array(key) }),
  operationRoute(keys.create, {
    ...POST,
    ...{ tag: 'keys', path: '/keys', id: 'createKey', status: 201 },
    result: key.extend({ key: z.string() }),
  }),
  operationRoute(keys.revoke, {
    ...{ method: 'DELETE', scope: 'admin', tag: 'keys', path: '/keys/{key}', id: 'revokeKey', result: key },
  }),
  operationRoute(vault.list, {
    ...GET,
    ...{ tag: 'vault', path: '/vault', id: 'listSecrets' },
    result: z.array(z.looseObject({ name: z.string(), version: z.int(), updatedAt: orNull(instant) })),
  }),
  operationRoute(vault.put, {
    ...{ method: 'PUT', scope: 'admin', tag: 'vault', path: '/vault/{name}', id: 'putSecret' },
    result: z.looseObject({ name: z.string(), version: z.int() }),
  }),
  operationRoute(vault.delete, {
    ...{ method: 'DELETE', scope: 'admin', tag: 'vault', path: '/vault/{name}', id: 'deleteSecret' },
    result: z.object({ name: z.string() }),
  }),
  operationRoute(vault.rotate, {
    ...POST,
    ...{ tag: 'vault', path: '/vault-rotation', id: 'rotateVault' },
    result: z.looseObject({ keyId: z.string(), entries: z.int() }),
  }),
  operationRoute(settings.publish, {
    ...POST,
    ...{ tag: 'settings', path: '/settings/publish', id: 'publishSettings' },
    result: z.object({ pools: z.array(z.string()) }),
  }),
  operationRoute(retention.prune, {
    ...POST,
    ...{ tag: 'settings', path: '/prune', id: 'prune' },
    result: z.looseObject({ dryRun: z.boolean() }),
  }),
];
