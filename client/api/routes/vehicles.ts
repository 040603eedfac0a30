/** Vehicles, and what they say. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { checkInput } from '../../operations/operation';
import { type ApiRoute, operationRoute } from '../route';
import { readAnswer, vehicleDetails, vehicleLists } from '../shapes/vehicles';

const { vehicles } = operations;

const READ = { method: 'GET', tag: 'vehicles', scope: 'read' } as const;

const PARAM = 'must be name=value such as from=2026-11-01';
/** In a query a parameter is text. */
const readInput = vehicles.read.input.omit({ params: true }).extend({
  params: z.array(z.string().regex(/^[^=]+=/, PARAM)).default([]),
});

export const VEHICLE_ROUTES: readonly ApiRoute[] = [
  operationRoute(vehicles.list, { ...READ, path: '/vehicles', id: 'listVehicles', result: vehicleLists }),
  operationRoute(vehicles.refresh, {
    ...{ method: 'POST', tag: 'vehicles', scope: 'operate' },
    ...{ path: '/vehicles/refresh', id: 'refreshVehicles', result: vehicleLists },
  }),
  operationRoute(vehicles.show, {
    ...READ,
    ...{ path: '/vehicles/{vehicle}', id: 'showVehicle' },
    result: vehicleDetails,
  }),
  {
    ...operationRoute(vehicles.read, {
      ...READ,
      ...{ path: '/vehicles/{vehicle}/reads/{read}', id: 'readVehicle', endUser: 'user', result: readAnswer },
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
