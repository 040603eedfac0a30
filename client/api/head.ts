/** What the head of a request says of the request itself: by what name it asks, and what its body is. */
import type { IncomingMessage } from 'node:http';
import { quoted } from '../operations/texts';
import { ApiError } from './problem';

/** @throws ApiError for a head that two readers could understand differently, or a body that is packed. */
export function checkHead({ rawHeaders, headers, httpVersion }: IncomingMessage): void {
  const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length;
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) {
    const said = hosts === 0 ? 'is missing' : `is given ${hosts} times`;
    throw new ApiError('BAD_REQUEST', `${said}; a request has one (RFC 9112)`, { field: 'Host' });
  }
  const packed = headers['content-encoding'];
  if (packed !== undefined && packed.toLowerCase() !== 'identity') {
    throw new ApiError(
      'UNSUPPORTED_MEDIA_TYPE',
      `${quoted(packed)} is not unpacked; send the body as it is`,
      {
        field: 'Content-Encoding',
      },
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
