/**
 * Explains why a connection to Temporal fails, in words that name the setting. gRPC reports only a timeout; a TLS
 * handshake of our own with the same settings shows what the server, or we, object to.
 */
import { X509Certificate } from 'node:crypto';
import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Settings } from '../settings';
import { afterFreeTime } from './free-time';

export interface TlsFiles {
  readonly ca: Buffer | null;
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
}

type Temporal = Settings['temporal'];

/** Names the setting and what would be right; holds no secret. */
export class ConnectionTrouble extends Error {
  override readonly name = 'ConnectionTrouble';
}

/** How the handshake ended: `null` when it went well, else Node's or OpenSSL's code. */
export interface Handshake {
  readonly code: string | null;
  readonly message: string;
  /** The server hung up right after it: that is how TLS 1.3 refuses a client's certificate. */
  readonly closed: boolean;
  /** End of the validity of the server's certificate, as it says; null when it showed none. */
  readonly validTo: string | null;
  /** Names that it is for, e.g. `DNS:temporal.example.com`; empty when it has none. */
  readonly names: string;
}

const UNTRUSTED = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

/** @param now epoch ms. @returns null when TLS is not the trouble. */
export function tlsTrouble(
  { tls }: Pick<Temporal, 'tls'>,
  files: TlsFiles,
  { code, message, closed, validTo, names }: Handshake,
  now: number,
): string | null {
  if (code !== null && UNTRUSTED.has(code)) {
    return tls.caFile === null
      ? "the server's certificate is from an authority that this machine does not know; set temporal.tls.caFile to the authority's certificate"
      : `the server's certificate is not from the authority in temporal.tls.caFile (${tls.caFile})`;
  }
  if (code === 'CERT_HAS_EXPIRED') {
    return `the server's certificate has expired (${validTo}); it has to be renewed there, or this machine's clock is wrong`;
  }
  if (code === 'CERT_NOT_YET_VALID')
    return "the server's certificate is not valid yet; is this machine's clock right?";
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const expected = tls.serverName === null ? 'the address' : `temporal.tls.serverName (${tls.serverName})`;
    return `the server's certificate is for another name than ${expected}: ${names || 'none'}; set temporal.tls.serverName to a name that is in it`;
  }
  if (code !== null && /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code)) {
    return 'the server does not speak TLS; set temporal.tls.enabled to false (TEMPORAL_TLS=false), or give the address of the TLS port';
  }
  if (closed || (code !== null && /ALERT|ECONNRESET/.test(code))) return clientTrouble(tls, files, code, now);
  return code === null ? null : `the TLS handshake fails: ${message}`;
}

/** The server objects to us, and does not always say why. */
function clientTrouble(tls: Temporal['tls'], { cert }: TlsFiles, code: string | null, now: number): string {
  const answer = code === null || code === 'ECONNRESET' ? 'it hangs up' : `it says ${code}`;
  if (cert === null) {
    return `the server wants a client certificate, it seems (${answer}); set temporal.tls.certFile and temporal.tls.keyFile`;
  }
  const { validTo, validToDate } = validity(cert);
  if (validToDate.getTime() < now) {
    return `the client certificate in temporal.tls.certFile (${tls.certFile}) has expired (${validTo}); renew it`;
  }
  return `the server refuses the client certificate in temporal.tls.certFile (${tls.certFile}), it seems (${answer}); is it from an authority that the server takes?`;
}

function validity(pem: Buffer): { readonly validTo: string; readonly validToDate: Date } {
  const { validTo } = new X509Certificate(pem);
  return { validTo, validToDate: new Date(validTo) };
}

const PROBE_MS = 1_500;
/** A refusal of our certificate comes with the server's next words, if at all. */
const AFTER_MS = 300;

/** Looks at the server with a handshake. @returns null when neither TLS nor its lack is the trouble. */
export async function findTlsTrouble(
  temporal: Temporal,
  address: string,
  files: TlsFiles,
): Promise<string | null> {
  const { tls } = temporal;
  if (tls.enabled) return tlsTrouble(temporal, files, await handshake(address, tls, files), Date.now());
  if (!(await accepts(address))) return null;
  // Whatever its certificate is: that it has one at all is the news.
  const { validTo } = await handshake(address, tls, { ca: null, cert: null, key: null });
  return validTo === null
    ? null
    : 'the server speaks TLS; set temporal.tls.enabled to true (TEMPORAL_TLS=true)';
}

/** `host:port` or `[host]:port`. */
function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}

/** Whether something listens there: it may yet be slow to answer. */
export function accepts(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(hostAndPort(address));
    const finish = (answer: boolean) => {
      cancel();
      socket.destroy();
      resolve(answer);
    };
    const cancel = afterFreeTime(PROBE_MS, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** HTTP/2: the client's first words, and empty SETTINGS. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');

/**
 * Whether a server says anything at all within this time, ms, of which only that counts in which we could read it. One that is
 * frozen, or behind a proxy that lost it, does not, though connections to it are taken; one that is only busy does at once.
 */
export function speaks(address: string, tls: Temporal['tls'], withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(hostAndPort(address));
    const finish = (answer: boolean) => {
      cancel();
      socket.destroy();
      resolve(answer);
    };
    const cancel = afterFreeTime(withinMs, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    if (!tls.enabled) {
      socket.once('connect', () => socket.write(PREFACE));
      socket.once('data', () => finish(true));
      return;
    }
    const { host } = hostAndPort(address);
    const name = tls.serverName ?? host;
    // Whatever it says of certificates: it says something.
    connectTls({
      socket,
      ALPNProtocols: ['h2'],
      ...(isIP(name) ? {} : { servername: name }),
      rejectUnauthorized: false,
    })
      .once('secureConnect', () => finish(true))
      .once('error', (error: NodeJS.ErrnoException) => finish(/SSL|ALERT/.test(error.code ?? '')));
  });
}

function handshake(address: string, tls: Temporal['tls'], files: TlsFiles): Promise<Handshake> {
  const { host, port } = hostAndPort(address);
  const name = tls.serverName ?? host;
  return new Promise((resolve) => {
    const socket = connectTls({
      host,
      port,
      ALPNProtocols: ['h2'],
      ...(isIP(name) ? {} : { servername: name }),
      ...(files.ca === null ? {} : { ca: files.ca }),
      ...(files.cert === null || files.key === null ? {} : { cert: files.cert, key: files.key }),
      // Judged below, so that the certificate can be examined.
      rejectUnauthorized: false,
    });
    let shaken = false;
    let validTo: string | null = null;
    let names = '';
    const timer = setTimeout(() => finish(null, '', false), PROBE_MS);
    const finish = (code: string | null, message: string, closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ code, message, closed, validTo, names });
    };
    socket.once('secureConnect', () => {
      shaken = true;
      const certificate = socket.getPeerCertificate();
      validTo = certificate.valid_to ?? null;
      names = certificate.subjectaltname ?? '';
      // A code, whatever its type says.
      const problem = socket.authorizationError as unknown;
      if (problem) finish(String(problem), String(problem), false);
      else setTimeout(() => finish(null, '', false), AFTER_MS);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const tcp = /^(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT|EAI_AGAIN)$/.test(error.code ?? '');
      finish(tcp ? null : (error.code ?? 'EPROTO'), error.message, false);
    });
    socket.once('close', () => finish(null, '', shaken));
  });
}
