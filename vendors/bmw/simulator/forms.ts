/** What both simulators read from requests. */
import { createHash } from 'node:crypto';
import type { SimRequest } from '../../kit/vendor';

export function formOf(request: SimRequest): URLSearchParams {
  return new URLSearchParams(request.body.toString('utf8'));
}

export function isForm(request: SimRequest): boolean {
  return request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
}

/** A header's value; the first of several, empty when there is none. */
export function headerOf(request: SimRequest, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value)?.trim() ?? '';
}

export function bearerOf(request: SimRequest): string {
  return /^Bearer\s+(\S+)$/i.exec(headerOf(request, 'authorization'))?.[1] ?? '';
}

/** Null when the body is not a JSON object. */
export function objectIn(request: SimRequest): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(request.body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/** Proof key for code exchange, method S256 (RFC 7636). */
export function provesKey(verifier: string, challenge: string): boolean {
  return createHash('sha256').update(verifier).digest('base64url') === challenge;
}
