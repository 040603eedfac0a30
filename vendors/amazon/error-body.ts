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
    const [first = null, ...others] = errors.map(fromRecord);
    return others.find(saysQuota) ?? first;
  }
  const error = field(root, 'error');
  if (isRecord(error)) return fromRecord(error);
  if (error !== undefined) {
    return amazonError(error, field(root, 'error_description'), undefined, field(root, 'request_id'));
  }
  const found = fromRecord(root);
  return field(root, 'message') === undefined && found.code === '' ? null : found;
}

function fromRecord(error: Readonly<Record<string, unknown>>): AmazonError {
  const code = field(error, 'code') ?? awsKind(field(error, '__type'));
  return amazonError(code, field(error, 'message'), field(error, 'details'));
}

/**
 * `com.amazon.coral#ThrottlingException`, as AWS's gateways name an error. Of a quota and of a failure of theirs they know;
 * that they let nobody in is not the API's own refusal.
 */
function awsKind(type: unknown): string {
  const kind = toText(type).split('#').at(-1) ?? '';
  return isQuotaCode(kind) || isServiceCode(kind) ? kind : '';
}

/** By its name in any case: gateways write `Message` where the API writes `message`. */
function field(object: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name];
  const other = Object.keys(object).find((key) => key.toLowerCase() === name);
  return other === undefined ? undefined : object[other];
}

const plain = (code: string) => code.toLowerCase().replace(/[\s_-]/g, '');

/** `QuotaExceeded`, however it is written, and what the gateways before the API call the same. */
export function isQuotaCode(code: string): boolean {
  return /^(?:(?:request)?quotaexceeded|(?:request)?throttl(?:ed|ing)|toomanyrequests|(?:request|rate)?limitexceeded|rateexceeded)(?:exception|error|fault)?$/.test(
    plain(code),
  );
}

const QUOTA_TEXT =
  /\bexceeded\b.{0,30}\bquota\b|\bquota\b.{0,30}\bexceeded\b|\brate (?:limit )?exceeded\b|\btoo many requests\b|\brequest (?:was|is|has been) throttled\b/i;

/** By its code, or, where that does not call the request wrong, by the sentence beside it. */
export function saysQuota({ code, message }: AmazonError): boolean {
  return isQuotaCode(code) || (!/invalid|validation|malformed/i.test(code) && QUOTA_TEXT.test(message));
}

/** A failure of the service: no request is to blame. */
export function isServiceCode(code: string): boolean {
  return /^(?:internal(?:service|server)?(?:failure|error|exception|fault)|service(?:unavailable|failure|exception)|temporarilyunavailable|servererror|dependency\w*|(?:request|gateway)?timeout|requesttimedout)(?:exception|error|fault)?$/.test(
    plain(code),
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
