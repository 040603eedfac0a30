/** Limits: what they are, and what operators change of them while everything runs. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';
import { orNull } from '../shapes/common';
import { limit, override, resetTimes } from '../shapes/pools';

const { limits, pools } = operations;

const changed = z.object({
  pool: z.string(),
  name: z.string(),
  limits: z.array(limit),
  override: orNull(override),
  unreached: orNull(z.string()),
});

export const LIMIT_ROUTES: readonly ApiRoute[] = [
  operationRoute(limits.list, {
    ...{ method: 'GET', path: '/limits', id: 'listLimits', tag: 'limits', scope: 'read' },
    result: z.array(limit),
  }),
  operationRoute(limits.show, {
    ...{ method: 'GET', path: '/pools/{pool}/limits/{limit}', id: 'showLimit', tag: 'limits', scope: 'read' },
    result: z.object({ limits: z.array(limit), history: z.array(override) }),
  }),
  operationRoute(limits.change, {
    ...{
      method: 'PUT',
      path: '/pools/{pool}/limits/{limit}',
      id: 'changeLimit',
      tag: 'limits',
      scope: 'operate',
    },
    result: changed,
  }),
  operationRoute(limits.reset, {
    ...{
      method: 'POST',
      path: '/pools/{pool}/limits/{limit}/reset',
      id: 'resetLimit',
      tag: 'limits',
      scope: 'operate',
    },
    result: changed,
  }),
  operationRoute(pools.resetLimits, {
    ...{
      method: 'POST',
      path: '/pools/{pool}/reset-times',
      id: 'resetTimes',
      tag: 'limits',
      scope: 'operate',
    },
    result: resetTimes,
  }),
];
