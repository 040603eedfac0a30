/** The error in a body of any of Amazon's three families: SP-API and AWS gateways, Login with Amazon, S3. */

export interface AmazonError {
  /** `QuotaExceeded`, `invalid_grant`, `AccessDenied`…; empty when the body names none. */
  readonly code: string;
  readonly message: string;
  readonly details: string;
  readonly requestId: string;
}

/**
 * - SP-API `{"errors":[{code,message,details?}]}`: the first error, but QuotaExceeded if it is among them
 * - gateway `{"message":"…"}`
 * - LWA `{"error":"invalid_grant","error_description":"…"}`
 * - S3 `<Error><Code>AccessDenied</Code><Message>…</Message></Error>`
 * @returns null when the body is none of these.
 */
export function readError(body: string): AmazonError | null {
  const text = body.trim();
  if (text.startsWith('{')) return fromJson(text);
  if (text.startsWith('<')) return fromXml(text);
  return null;
}

function fromJson(text: string): AmazonError | null {
  const root = parseObject(text);
  if (!root) return null;
  if (Array.isArray(root.errors)) {
    const errors = root.errors.filter(isRecord);
    const error = errors.find((e) => e.code === 'QuotaExceeded') ?? errors[0];
    return error ? amazonError(error.code, error.message, error.details) : null;
  }
  if (root.error !== undefined) {
    return amazonError(root.error, root.error_description, undefined, root.request_id);
  }
  const message = root.message ?? root.Message;
  return message === undefined ? null : amazonError(root.code, message);
}

function fromXml(text: string): AmazonError | null {
  if (!/<Error[\s>]/.test(text.slice(0, 2048))) return null;
  return amazonError(
    xmlField(text, 'Code'),
    xmlField(text, 'Message'),
    undefined,
    xmlField(text, 'RequestId'),
  );
}

function xmlField(text: string, name: string): string {
  const from = text.indexOf(`<${name}>`);
  const to = from < 0 ? -1 : text.indexOf(`</${name}>`, from);
  return to < 0 ? '' : text.slice(from + name.length + 2, to).trim();
}

function amazonError(code: unknown, message: unknown, details?: unknown, requestId?: unknown): AmazonError {
  return {
    code: toText(code),
    message: toText(message),
    details: toText(details),
    requestId: toText(requestId),
  };
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value.trim();
  return typeof value === 'number' ? String(value) : '';
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    // A body that was cut, or is no JSON at all: the status decides.
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
