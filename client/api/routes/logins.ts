/** Logins of accounts by a person: by a code that is entered at the vendor's, or by what is entered here. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';
import { accountLogin, login } from '../shapes/logins';

const { logins } = operations;

const READ = { method: 'GET', tag: 'logins', scope: 'read' } as const;
const ADMIN = { method: 'POST', tag: 'logins', scope: 'admin' } as const;

export const LOGIN_ROUTES: readonly ApiRoute[] = [
  operationRoute(logins.list, { ...READ, path: '/logins', id: 'listLogins', result: z.array(accountLogin) }),
  operationRoute(
    logins.start,
    { ...ADMIN, path: '/logins', id: 'startLogin', starts: true, result: login },
    ({ id }) => `/logins/${id}`,
  ),
  operationRoute(logins.show, { ...READ, path: '/logins/{login}', id: 'showLogin', result: login }),
  operationRoute(logins.cancel, {
    ...ADMIN,
    path: '/logins/{login}/cancel',
    id: 'cancelLogin',
    result: login,
  }),
];
