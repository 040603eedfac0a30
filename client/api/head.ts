/** What the head of a request says of the request itself: by what name it asks, and what its body is. */
import type { IncomingMessage } from 'node:http';
import { quoted } from '../operations/texts';
import { ApiError } from './problem';

/** Headers that say how a body is packed, and what they say of one that is not. */
const PACKING = [
  ['Content-Encoding', 'identity'],
  ['Transfer-Encoding', 'chunked'],
] as const;

/** @throws ApiError for a head that two readers could understand differently, or a body that is packed. */
export function checkHead({ rawHeaders, headers, httpVersion }: IncomingMessage): void {
  const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length;
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) {
    const said = hosts === 0 ? 'is missing' : `is given ${hosts} times`;
    throw new ApiError('BAD_REQUEST', `${said}; a request has one (RFC 9112)`, { field: 'Host' });
  }
  for (const [field, plain] of PACKING) {
    const packed = headers[field.toLowerCase()];
    if (packed === undefined || String(packed).toLowerCase() === plain) continue;
    throw new ApiError(
      'UNSUPPORTED_MEDIA_TYPE',
      `${quoted(String(packed))} is not unpacked; send the body as it is`,
      { field },
    );
  }
}

/** @throws ApiError for JSON in another encoding than RFC 8259 has. */
export function checkCharset(type: string | undefined): void {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(type ?? '')?.[1];
  if (charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset)) return;
  throw new ApiError('UNSUPPORTED_MEDIA_TYPE', `charset ${quoted(charset)} is not read; send UTF-8`, {
    field: 'Content-Type',
  });
}

export function unfitType(
  type: string | undefined,
  taken: readonly string[] = ['application/json'],
): ApiError {
  const given = type === undefined ? 'is missing' : `${quoted(type)} is not taken here`;
  return new ApiError('UNSUPPORTED_MEDIA_TYPE', `${given}; send ${taken.join(' or ')}`, {
    field: 'Content-Type',
  });
}
