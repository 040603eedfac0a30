/** Takes secrets out of text that is to be shown or stored. Amazon's errors quote tokens and presigned URLs. */

import { redactNamed } from '../redact';

const SECRETS: readonly (readonly [RegExp, string])[] = [
  // The query of a presigned URL is its key, whichever way it was signed. The path says which document.
  [/(https?:\/\/[^\s"'<>?]{1,2000})\?[^\s"'<>]+/gi, '$1?[redacted]'],
  [
    /\b(X-Amz-(?:Signature|Credential|Security-Token))(["']?\s{0,3}[=:]\s{0,3}["']?)[^\s&"'<>,]+/gi,
    '$1$2[redacted]',
  ],
  // Login with Amazon: access (Atza), refresh (Atzr), client-credentials (Atc) tokens; the bar may be URL-encoded.
  [/\bAt[a-z]{1,3}(?:\||%7C)[^\s"'<>&,]*/gi, '[redacted]'],
  [/\bamzn1\.oa2-cs\.[\w.-]+/gi, '[redacted]'],
  // AWS access key ids.
  [/\bA(?:KIA|SIA)[A-Z0-9]{12,}/g, '[redacted]'],
  [/\b(bearer)\s+[\w.~+/=|-]{8,}/gi, '$1 [redacted]'],
  [
    /\b(access_?token|refresh_?token|client_?secret|x-amz-access-token|authorization)(["']?\s{0,3}[=:]\s{0,3}["']?)[^\s&"'<>,}]+/gi,
    '$1$2[redacted]',
  ],
];

/** @returns the text with `[redacted]` in place of tokens, client secrets, key ids and the query of any URL. */
export function scrub(text: string): string {
  return SECRETS.reduce(
    (clean, [pattern, replacement]) => clean.replace(pattern, replacement),
    redactNamed(text),
  );
}
