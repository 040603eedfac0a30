/** Limits: what they are, and what operators change of them while everything runs. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';
import { instant, orNull } from './shapes';

const { limits, pools } = operations;

const limit = z.object({
  name: z.string(),
  key: z.string(),
  pools: z.array(z.string()),
  unit: z.enum(['calls', 'tokens']),
  used: z.number(),
  limit: z.number(),
  left: z.number(),
  ratePerSecond: orNull(z.number()),
  resetsAt: orNull(instant),
  blockedUntil: orNull(instant),
  blockedReason: z.string(),
  source: z.string(),
  mode: z.enum(['enforce', 'shadow']),
  shadowOver: z.number(),
  override: orNull(z.object({ author: z.string(), reason: z.string(), at: instant })),
});
const override = z.object({
  id: z.int(),
  pool: z.string(),
  name: z.string(),
  key: orNull(z.string()),
  change: z.object({
    capacity: orNull(z.number()),
    ratePerSecond: orNull(z.number()),
    mode: orNull(z.enum(['enforce', 'shadow'])),
  }),
  author: z.string(),
  reason: z.string(),
  at: instant,
  endedAt: orNull(instant),
  endedBy: orNull(z.string()),
});
const changed = z.object({
  pool: z.string(),
  name: z.string(),
  limits: z.array(limit),
  override: orNull(override),
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
    result: z.looseObject({ pool: z.string() }),
  }),
];
