/** Reads a `multipart/form-data` body that has arrived as a whole (RFC 7578). */

export interface Part {
  readonly filename: string | null;
  readonly content: Buffer;
}

/** Parts by name; null when the body is not what the content type says. Later parts of a name win. */
export function readMultipart(contentType: string | undefined, body: Buffer): Map<string, Part> | null {
  const boundary = /^multipart\/form-data;.*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType ?? '');
  const mark = boundary?.[1] ?? boundary?.[2];
  if (mark === undefined) return null;
  const delimiter = Buffer.from(`--${mark}`);
  const parts = new Map<string, Part>();
  let at = body.indexOf(delimiter);
  while (at !== -1) {
    const start = at + delimiter.length;
    // Two hyphens after the boundary end the body.
    if (body.toString('latin1', start, start + 2) === '--') return parts;
    const headersEnd = body.indexOf('\r\n\r\n', start);
    const next = body.indexOf(`\r\n--${mark}`, start);
    if (headersEnd === -1 || next === -1) return null;
    const headers = body.toString('utf8', start, headersEnd);
    const disposition = /^content-disposition:\s*form-data;(.*)$/im.exec(headers)?.[1] ?? '';
    const name = /(?:^|[;\s])name="([^"]*)"/i.exec(disposition)?.[1];
    if (name === undefined) return null;
    const filename = /filename="([^"]*)"/i.exec(disposition)?.[1] ?? null;
    // An empty part has its end right behind its headers.
    parts.set(name, { filename, content: body.subarray(headersEnd + 4, Math.max(headersEnd + 4, next)) });
    at = next + 2;
  }
  return null;
}
