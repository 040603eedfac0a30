/** CarData's login by device code. */
import { createHash } from 'node:crypto';
import { cardataGrant } from '../../../../vendors/bmw-cardata/login';
import { type CarDataAccount, cardataAccountSchema } from '../../../../vendors/bmw-cardata/settings';

const account = (more: object = {}): CarDataAccount =>
  cardataAccountSchema.parse({ vendor: 'bmw-cardata', clientId: 'client-0001', ...more });

describe('the login', () => {
  const grant = cardataGrant(account({ loginUrl: 'http://127.0.0.1:1' }));
  const { login } = grant;
  if (login.kind !== 'device-code') throw new Error('no device code');
  const verifier = 'v'.repeat(43);
  const proof = { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };

  test('asks for a code with a proof key and the scopes, and polls with the verifier', () => {
    const start = login.start(proof, {});
    expect(start).toMatchObject({ method: 'POST', url: 'http://127.0.0.1:1/gcdm/oauth/device/code' });
    expect(Object.fromEntries(new URLSearchParams(start.body))).toEqual({
      client_id: 'client-0001',
      response_type: 'device_code',
      scope: 'authenticate_user openid cardata:api:read cardata:streaming:read',
      code_challenge: proof.challenge,
      code_challenge_method: 'S256',
    });
    expect(Object.fromEntries(new URLSearchParams(login.poll('dc', proof, {}).body))).toEqual({
      client_id: 'client-0001',
      device_code: 'dc',
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      code_verifier: verifier,
    });
  });

  test('a client id by reference comes with the secrets', () => {
    const byRef = cardataGrant(account({ clientId: 'env:BMW_CLIENT' }));
    expect(byRef.credentials).toEqual({ clientId: 'env:BMW_CLIENT' });
    expect(byRef.refresh('r', { clientId: 'real' }).body).toBe(
      'grant_type=refresh_token&refresh_token=r&client_id=real',
    );
    expect(grant.credentials).toEqual({});
  });

  test('a code, with the RFC’s interval where none is stated', () => {
    const body = {
      device_code: 'd',
      user_code: 'AB-CD',
      verification_uri: 'https://x/y',
      verification_uri_complete: 'https://x/y?user_code=AB-CD',
      expires_in: 300,
    };
    expect(login.parseStart(JSON.stringify(body))).toEqual({
      ok: true,
      value: {
        deviceCode: 'd',
        userCode: 'AB-CD',
        url: 'https://x/y?user_code=AB-CD',
        intervalMs: 5000,
        expiresInMs: 300_000,
      },
    });
    for (const fault of [
      { user_code: '' },
      { device_code: 7 },
      { verification_uri: 'javascript:x', verification_uri_complete: null },
    ]) {
      expect(login.parseStart(JSON.stringify({ ...body, ...fault }))).toMatchObject({ ok: false });
    }
  });

  test.each([
    [403, '{"error":"authorization_pending"}', 'pending'],
    [400, '{"error":"slow_down"}', 'slow-down'],
    [401, '{"error":"expired_token"}', 'expired'],
    [403, '{"error":"access_denied","error_description":"no"}', 'denied'],
    [403, '{"error":"access_denied","error_description":"Out of call volume quota."}', 'other'],
    [403, '{"error":"access_denied","error_description":"Rate limit is exceeded."}', 'other'],
    [403, '{"error":"other"}', 'other'],
    [403, '<html>', 'other'],
    [429, '', 'other'],
    [200, '{"access_token":"a","expires_in":3600,"refresh_token":"r"}', 'tokens'],
    [200, '{}', 'unreadable'],
    [200, '{"access_token":"","expires_in":3600,"refresh_token":"r"}', 'unreadable'],
    [200, '{"access_token":"a","expires_in":"3600s","refresh_token":"r"}', 'tokens'],
    [200, '{"access_token":"a","expires_in":"3600","refresh_token":"r"}', 'tokens'],
    [200, '<html>sign in</html>', 'other'],
    [400, '{"error":"authorization_pending"}', 'pending'],
    [401, '[{"error":"AUTHORIZATION_PENDING"}]', 'pending'],
    [403, '{"error":{"code":"slow_down"}}', 'slow-down'],
    [400, 'error=slow_down&error_description=too+fast', 'slow-down'],
    [400, '{"errors":[{"error":"expired_token"}]}', 'expired'],
  ])('a poll answered by %i %s is %s', (status, body, kind) => {
    expect(login.judgePoll({ status, headers: {}, body })).toMatchObject({ kind });
  });
});
