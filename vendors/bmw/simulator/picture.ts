/** A picture of a car, as far as a simulator draws. */
import { Readable } from 'node:stream';
import type { SimAnswer } from '../../kit/vendor';

/** The smallest PNG there is: one pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

export function image(): SimAnswer {
  return {
    status: 200,
    headers: { 'content-type': 'image/png', 'content-length': String(PNG.length) },
    body: () => Readable.from([PNG]),
  };
}
