/** A client of CarData that knows nothing of Sluice: device-code login and plain requests. */
import { createHash, randomBytes } from 'node:crypto';

export interface CarDataAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export const CARDATA_SCOPE = 'authenticate_user openid cardata:api:read cardata:streaming:read';
const CLIENT = 'test-client';

async function answerOf(response: Response): Promise<CarDataAnswer> {
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // No JSON: the text itself.
  }
  return { status: response.status, body: body as Record<string, unknown> };
}

export async function postForm(url: string, fields: Record<string, string>): Promise<CarDataAnswer> {
  return answerOf(await fetch(url, { method: 'POST', body: new URLSearchParams(fields) }));
}

export interface DeviceLogin {
  readonly started: CarDataAnswer;
  readonly link: string;
  poll(): Promise<CarDataAnswer>;
}

export async function startDeviceLogin(url: string, scope = CARDATA_SCOPE): Promise<DeviceLogin> {
  const verifier = randomBytes(32).toString('base64url');
  const started = await postForm(`${url}/gcdm/oauth/device/code`, {
    client_id: CLIENT,
    response_type: 'device_code',
    scope,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  return {
    started,
    link: String(started.body.verification_uri_complete),
    poll: () =>
      postForm(`${url}/gcdm/oauth/token`, {
        client_id: CLIENT,
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: String(started.body.device_code),
        code_verifier: verifier,
      }),
  };
}

/** The tokens of a login that is approved at once. */
export async function loginCarData(url: string, scope?: string): Promise<Record<string, unknown>> {
  const login = await startDeviceLogin(url, scope);
  await fetch(login.link);
  return (await login.poll()).body;
}

export function refreshCarData(url: string, refreshToken: unknown): Promise<CarDataAnswer> {
  const fields = { client_id: CLIENT, grant_type: 'refresh_token', refresh_token: String(refreshToken) };
  return postForm(`${url}/gcdm/oauth/token`, fields);
}

export async function callCarData(
  url: string,
  accessToken: unknown,
  path: string,
  options: { readonly method?: string; readonly body?: unknown; readonly version?: string } = {},
): Promise<CarDataAnswer> {
  const { method = 'GET', body, version = 'v1' } = options;
  return answerOf(
    await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${String(accessToken)}`,
        'x-version': version,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
}
