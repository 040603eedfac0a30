/** What every request to an account has in common. */
import type { HttpRequest } from '../http';
import type { OpenAiAccount } from './settings';

const USER_AGENT = 'Sluice/0.1';

type Place = Pick<OpenAiAccount, 'baseUrl' | 'organization' | 'project'>;

/** The URL of a path that begins with a slash. */
export function urlOf({ baseUrl }: Place, path: string): string {
  return `${baseUrl.replace(/\/+$/, '')}${path}`;
}

export function postTo(account: Place, path: string, body: unknown): HttpRequest {
  return {
    method: 'POST',
    url: urlOf(account, path),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
}

/** Adds the key, and whose calls these are. */
export function authorizeWith({ organization, project }: Place) {
  return (request: HttpRequest, key: string): HttpRequest => ({
    ...request,
    headers: {
      ...request.headers,
      accept: 'application/json',
      'user-agent': USER_AGENT,
      authorization: `Bearer ${key}`,
      ...(organization === undefined ? {} : { 'openai-organization': organization }),
      ...(project === undefined ? {} : { 'openai-project': project }),
    },
  });
}
