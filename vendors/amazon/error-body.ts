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
  const text = body.replace(/^\ufeff/, '').trim();
  if (/^[{[]/.test(text)) return fromJson(text);
  if (text.startsWith('<')) return fromXml(text);
  return null;
}

function fromJson(text: string): AmazonError | null {
  const root = parseObject(text);
  if (!root) return null;
  const several = field(root, 'errors');
  if (several !== undefined && several !== null) {
    const errors = (Array.isArray(several) ? several : [several]).filter(isRecord);
    const error = errors.find((e) => isQuotaCode(toText(field(e, 'code')))) ?? errors[0];
    return error ? fromRecord(error) : null;
  }
  const error = field(root, 'error');
  if (isRecord(error)) return fromRecord(error);
  if (error !== undefined) {
    return amazonError(error, field(root, 'error_description'), undefined, field(root, 'request_id'));
  }
  const message = field(root, 'message');
  return message === undefined ? null : fromRecord(root);
}

function fromRecord(error: Readonly<Record<string, unknown>>): AmazonError {
  return amazonError(field(error, 'code'), field(error, 'message'), field(error, 'details'));
}

/** By its name in any case: gateways write `Message` where the API writes `message`. */
function field(object: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name];
  const other = Object.keys(object).find((key) => key.toLowerCase() === name);
  return other === undefined ? undefined : object[other];
}

/** `QuotaExceeded`, however it is written, and what the gateways before the API call the same. */
export function isQuotaCode(code: string): boolean {
  return /^(?:quotaexceeded(?:exception)?|(?:request)?throttl(?:ed|ing)(?:exception)?|toomanyrequests(?:exception)?)$/i.test(
    code.replace(/[\s_-]/g, ''),
  );
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

export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    const value: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
    return isRecord(value) ? value : null;
  } catch {
    // A body that was cut, or is no JSON at all: the status decides.
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
