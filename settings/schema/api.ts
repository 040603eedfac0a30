/** Settings of the HTTP API. */
import { z } from 'zod';
import { wholePositive } from '../../vendors/account-fields';
import { name } from './fields';

const ORIGIN = 'must be an origin such as https://ops.example.com, in lower case and without a path';
/** As browsers send it. */
const origin = z.string({ error: ORIGIN }).regex(/^https?:\/\/[a-z0-9.:[\]-]+$/, ORIGIN);
const hostName = z
  .string({ error: 'must be a name such as sluice.example.com' })
  .regex(/^[a-z0-9.:-]+$/i, 'must be a name such as sluice.example.com, without a port')
  .transform((host) => host.toLowerCase());

export const api = z.strictObject({
  port: z
    .int({ error: 'must be a port from 1 to 65535' })
    .min(1, 'must be a port from 1 to 65535')
    .max(65_535, 'must be a port from 1 to 65535')
    .default(8480)
    .describe('Where `sluice up` serves the API; another port is taken, and printed, when it is in use.'),
  allowedHosts: z
    .array(hostName, { error: 'must be a list of names' })
    .default([])
    .describe(
      'Host names by which it may be called besides those of this machine. Without any, every name will do, as long as a key is shown.',
    ),
  corsOrigins: z
    .array(origin, { error: 'must be a list of origins' })
    .default([])
    .describe('Pages from these origins may call the API from a browser. Default: none.'),
  requestsPerMinute: wholePositive
    .default(6000)
    .describe(
      'Requests of one key a minute, over all processes; a key may have a number of its own. Permits do not count.',
    ),
  endUserRequestsPerMinute: wholePositive
    .default(30)
    .describe('Requests about one end user a minute, over all processes, whoever sends them.'),
  maxInFlight: wholePositive
    .default(1000)
    .describe('Requests under way at once in one process; more are refused for the moment (503).'),
  maxUploadMb: wholePositive.default(512).describe('Longest input of a batch that is uploaded, MB.'),
  mainAccount: name
    .optional()
    .describe(
      'Whose quota, breaker and user agent `GET /health` and `GET /metrics` show, and whose vehicles `POST /` answers with. Default: the only account that has vehicles, or the only one. Of several none is the one: then `POST /` refuses, `main_account` is null, and quota and breaker are those of the account that is stopped for longest.',
    ),
  salesDataset: z
    .strictObject({ dataset: z.string(), account: name.optional() })
    .optional()
    .describe(
      'What `/api/vendor-realtime-sales` refreshes and sums up. Default: the first dataset of reports that is listed.',
    ),
});
