/** Keys of the API, secrets of the vault, settings, and clearing away: for administrators. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';
import { apiKey, pruned, putSecret, rotatedVault, secret } from '../shapes/system';

const { keys, retention, settings, vault } = operations;

const GET = { method: 'GET', scope: 'admin' } as const;
const POST = { method: 'POST', scope: 'admin' } as const;

export const ADMIN_ROUTES: readonly ApiRoute[] = [
  operationRoute(keys.list, { ...GET, tag: 'keys', path: '/keys', id: 'listKeys', result: z.array(apiKey) }),
  operationRoute(keys.create, {
    ...POST,
    ...{ tag: 'keys', path: '/keys', id: 'createKey', status: 201 },
    result: apiKey.extend({ key: z.string() }),
  }),
  operationRoute(keys.revoke, {
    ...{
      method: 'DELETE',
      scope: 'admin',
      tag: 'keys',
      path: '/keys/{key}',
      id: 'revokeKey',
      result: apiKey,
    },
  }),
  operationRoute(vault.list, {
    ...GET,
    ...{ tag: 'vault', path: '/vault', id: 'listSecrets' },
    result: z.array(secret),
  }),
  operationRoute(vault.put, {
    ...{ method: 'PUT', scope: 'admin', tag: 'vault', path: '/vault/{name}', id: 'putSecret' },
    result: putSecret,
  }),
  operationRoute(vault.delete, {
    ...{ method: 'DELETE', scope: 'admin', tag: 'vault', path: '/vault/{name}', id: 'deleteSecret' },
    result: z.object({ name: z.string() }),
  }),
  operationRoute(vault.rotate, {
    ...POST,
    ...{ tag: 'vault', path: '/vault-rotation', id: 'rotateVault' },
    result: rotatedVault,
  }),
  operationRoute(settings.publish, {
    ...POST,
    ...{ tag: 'settings', path: '/settings/publish', id: 'publishSettings' },
    result: z.object({ pools: z.array(z.string()) }),
  }),
  operationRoute(retention.prune, {
    ...POST,
    ...{ tag: 'settings', path: '/prune', id: 'prune' },
    result: pruned,
  }),
];
