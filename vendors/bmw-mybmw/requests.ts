/** Requests of MyBMW's services, without token and user agent. Nothing is sent here. */
import { randomUUID } from 'node:crypto';
import type { ClientIdentity, Deployment } from '../contract';
import type { HttpRequest } from '../http';
import { baseUrlOf, type MyBmwAccount } from './settings';

/** One of each process, as of a client that runs. */
const SESSION = randomUUID();

export interface ServiceRequest {
  readonly query?: Readonly<Record<string, string>>;
  readonly vin?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export function serviceRequest(
  account: MyBmwAccount,
  method: HttpRequest['method'],
  path: string,
  { query = {}, vin, headers = {}, body }: ServiceRequest = {},
): HttpRequest {
  const search = new URLSearchParams(query).toString();
  return {
    method,
    url: `${baseUrlOf(account)}${path}${search === '' ? '' : `?${search}`}`,
    headers: {
      accept: 'application/json',
      'accept-language': 'en',
      // Kilometres, litres, bar, kWh.
      'bmw-units-preferences': 'd=KM;v=L;p=B;ec=KWH100KM;fc=L100KM;em=GKM;',
      '24-hour-format': 'true',
      ...(vin === undefined ? {} : { 'bmw-vin': vin }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  };
}

export function authorize(request: HttpRequest, token: string): HttpRequest {
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}

/** The user agent is the deployment's; a correlation id is each request's own. */
export function mybmwIdentity({ userAgentPrefix }: Pick<MyBmwAccount, 'userAgentPrefix'>): ClientIdentity {
  const name = ({ id }: Deployment) => `${userAgentPrefix}/${id}`;
  return {
    name,
    identify: (request, deployment) => {
      const correlation = randomUUID();
      return {
        ...request,
        headers: {
          ...request.headers,
          'x-user-agent': name(deployment),
          'x-identity-provider': 'gcdm',
          'x-correlation-id': correlation,
          'bmw-correlation-id': correlation,
          'bmw-session-id': SESSION,
        },
      };
    },
  };
}
