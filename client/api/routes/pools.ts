/** Pools: their state, and operators' orders to them. `{pool}` is an account's name, or a key with `%2F` for its slashes. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';
import { order, pool, unblocked } from '../shapes/pools';

const { pools } = operations;

export const POOL_ROUTES: readonly ApiRoute[] = [
  operationRoute(pools.list, {
    ...{ method: 'GET', path: '/pools', id: 'listPools', tag: 'pools', scope: 'read' },
    result: z.array(pool),
  }),
  operationRoute(pools.show, {
    ...{ method: 'GET', path: '/pools/{pool}', id: 'showPool', tag: 'pools', scope: 'read' },
    result: pool,
  }),
  operationRoute(pools.pause, {
    ...{ method: 'POST', path: '/pools/{pool}/pause', id: 'pausePool', tag: 'pools', scope: 'operate' },
    result: order,
  }),
  operationRoute(pools.resume, {
    ...{ method: 'POST', path: '/pools/{pool}/resume', id: 'resumePool', tag: 'pools', scope: 'operate' },
    result: order,
  }),
  operationRoute(pools.unblock, {
    ...{ method: 'POST', path: '/pools/{pool}/unblock', id: 'unblockPool', tag: 'pools', scope: 'operate' },
    result: unblocked,
  }),
];
