/** Commands to devices, and end users' credentials. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { API, type ApiRoute, operationRoute } from '../route';
import { command, userAnswer } from '../shapes/vehicles';

const { commands, users } = operations;

const READ = { method: 'GET', tag: 'commands', scope: 'read' } as const;
const OPERATE = { method: 'POST', tag: 'commands', scope: 'operate' } as const;

export const COMMAND_ROUTES: readonly ApiRoute[] = [
  operationRoute(commands.list, { ...READ, path: '/commands', id: 'listCommands', result: z.array(command) }),
  {
    ...operationRoute(commands.send, {
      ...OPERATE,
      ...{ path: '/commands', id: 'sendCommand', starts: true, result: command },
    }),
    handle: async ({ backend, input }) => {
      // What is sent once for this request has an id by which it is known again.
      const id = input.id ?? (backend.request === undefined ? undefined : `request:${backend.request}`);
      const given = { ...input, ...(id === undefined ? {} : { id }) };
      const json = commands.send.json(await commands.send(backend, given as never));
      return { body: json, location: `${API}/commands/${json.id}` };
    },
  },
  operationRoute(commands.show, { ...READ, path: '/commands/{command}', id: 'showCommand', result: command }),
  operationRoute(commands.cancel, {
    ...OPERATE,
    ...{ path: '/commands/{command}/cancel', id: 'cancelCommand', result: command },
  }),
  operationRoute(users.authenticate, {
    ...OPERATE,
    ...{ path: '/users/authenticate', id: 'authenticateUser', endUser: 'username' },
    result: userAnswer,
  }),
];
