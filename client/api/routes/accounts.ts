/** Accounts of the settings. */
import { z } from 'zod';
import { operations } from '../../operations/index';
import { type ApiRoute, operationRoute } from '../route';

const { accounts } = operations;

const account = z
  .object({
    account: z.string(),
    vendor: z.string(),
    enabled: z.boolean(),
    pool: z.string(),
    organization: z.string().nullable(),
    datasets: z.array(z.string()),
    limits: z.array(z.string()),
  })
  .meta({ id: 'Account' });

export const ACCOUNT_ROUTES: readonly ApiRoute[] = [
  operationRoute(accounts.list, {
    ...{ method: 'GET', path: '/accounts', id: 'listAccounts', tag: 'accounts', scope: 'read' },
    result: z.array(account),
  }),
  operationRoute(accounts.show, {
    ...{ method: 'GET', path: '/accounts/{account}', id: 'showAccount', tag: 'accounts', scope: 'read' },
    result: account,
  }),
];
