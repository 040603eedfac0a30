import { type Handshake, tlsTrouble } from '../../../temporal/connection-trouble';

const NOW = Date.parse('2026-11-24T00:00:00Z');
const tls = { enabled: true, caFile: null, certFile: null, keyFile: null, serverName: null };
const files = { ca: null, cert: null, key: null };
const went: Handshake = { code: null, message: '', closed: false, validTo: null, names: '' };

const said = (handshake: Partial<Handshake>, settings: Partial<typeof tls> = {}) =>
  tlsTrouble({ tls: { ...tls, ...settings } }, files, { ...went, ...handshake }, NOW);

test('a handshake that goes well is no trouble', () => {
  expect(said({})).toBeNull();
});

test.each([
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'set temporal.tls.caFile'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'set temporal.tls.caFile'],
  ['CERT_NOT_YET_VALID', 'not valid yet'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'set temporal.tls.serverName'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'does not speak TLS'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'set temporal.tls.certFile and temporal.tls.keyFile'],
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'set temporal.tls.certFile and temporal.tls.keyFile'],
  ['ECONNRESET', 'set temporal.tls.certFile and temporal.tls.keyFile'],
  ['EPROTO', 'the TLS handshake fails: what OpenSSL says'],
])('%s: %s', (code, words) => {
  expect(said({ code, message: 'what OpenSSL says' })).toContain(words);
});

test('a server that hangs up after the handshake wants a certificate', () => {
  expect(said({ closed: true })).toContain('the server wants a client certificate, it seems (it hangs up)');
});
