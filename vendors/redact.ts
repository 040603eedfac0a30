/**
 * Takes secrets out of a vendor's words before they are kept as evidence, by the names beside them. What a call itself
 * carried is found by its value, in the gateway; this finds what an answer brings: new tokens, above all.
 */

/** Names whose values are secret wherever they stand. */
const NAMES = String.raw`(?:[\w-]*(?:token|secret|password|passwd|api[_-]?key)|authorization|(?:set-)?cookie)`;
/** `"access_token": "…"`, also within a text that is JSON inside JSON, and cut off at the end. */
const IN_JSON = new RegExp(
  String.raw`(\\?["']${NAMES}\\?["']\s{0,9}:\s{0,9}\\?["'])(?:[^"'\\]|\\[^"'])*`,
  'gi',
);
/** `access_token=…` of a form or a URL. */
const IN_FORM = new RegExp(String.raw`(\b${NAMES}=)[^\s&"'<>,;}]+`, 'gi');

/** @returns the text with `[redacted]` in place of the values of secrets. */
export function redactNamed(text: string): string {
  return text.replace(IN_JSON, '$1[redacted]').replace(IN_FORM, '$1[redacted]');
}
