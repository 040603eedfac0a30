/** Vehicles, and what they say. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { checkInput } from '../../operations/operation';
import { type ApiRoute, operationRoute } from '../route';
import { instant, orNull } from './shapes';

const { vehicles } = operations;

const READ = { method: 'GET', tag: 'vehicles', scope: 'read' } as const;

/** Why nothing fresher can be had, and until when. */
const stale = orNull(z.looseObject({ cause: z.string(), reason: z.string(), until: orNull(instant) }));

const vehicle = z.looseObject({
  account: z.string(),
  vehicleId: z.string(),
  name: z.string(),
  brand: z.string(),
  model: z.string(),
  driveTrain: orNull(z.string()),
  readable: z.boolean(),
  listedAt: orNull(instant),
});
const lists = z.array(
  z.object({
    account: z.string(),
    listedAt: orNull(instant),
    ageMs: orNull(z.number()),
    stale,
    vehicles: z.array(vehicle),
  }),
);

const value = z.looseObject({
  state: z.enum(['value', 'null', 'not-available']),
  value: z.unknown(),
  unit: orNull(z.string()),
  at: orNull(instant),
  receivedAt: orNull(instant),
  source: z.string(),
});
const answer = z.looseObject({
  account: z.string(),
  vehicleId: z.string(),
  read: z.string(),
  params: z.record(z.string(), z.unknown()),
  freshAt: orNull(instant),
  ageMs: z.number(),
  source: z.string(),
  requestId: orNull(z.string()),
  servedFrom: z.enum(['call', 'database', 'memory']),
  stale,
  values: z.record(z.string(), value),
  records: orNull(z.array(z.record(z.string(), z.unknown()))),
  document: orNull(z.object({ contentType: z.string(), base64: z.string() })),
});

const PARAM = 'must be name=value such as from=2026-11-01';
/** In a query a parameter is text. */
const readInput = vehicles.read.input.omit({ params: true }).extend({
  params: z.array(z.string().regex(/^[^=]+=/, PARAM)).default([]),
});

export const VEHICLE_ROUTES: readonly ApiRoute[] = [
  operationRoute(vehicles.list, { ...READ, path: '/vehicles', id: 'listVehicles', result: lists }),
  operationRoute(vehicles.refresh, {
    ...{ method: 'POST', tag: 'vehicles', scope: 'operate' },
    ...{ path: '/vehicles/refresh', id: 'refreshVehicles', result: lists },
  }),
  operationRoute(vehicles.show, {
    ...READ,
    ...{ path: '/vehicles/{vehicle}', id: 'showVehicle' },
    result: vehicle.extend({ reads: z.array(z.looseObject({ name: z.string(), about: z.string() })) }),
  }),
  {
    ...operationRoute(vehicles.read, {
      ...READ,
      ...{ path: '/vehicles/{vehicle}/reads/{read}', id: 'readVehicle', endUser: 'user', result: answer },
    }),
    input: readInput,
    handle: async ({ backend, input }) => {
      const { params: texts, ...rest } = input;
      const { params } = checkInput(
        readInput.pick({ params: true }),
        texts === undefined ? {} : { params: texts },
      );
      const named = params.map((text) => {
        const at = text.indexOf('=');
        return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
      });
      const given = { ...rest, params: Object.fromEntries(named) };
      return { body: vehicles.read.json(await vehicles.read(backend, given as never)) };
    },
  },
];
