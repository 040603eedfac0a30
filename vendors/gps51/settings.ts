/** The settings of a GPS51 account. */
import { z } from 'zod';
import { commonAccountFields, duration, httpUrl, secretRef, timeZone } from '../account-fields';
import { GPS51_ZONE } from './limits';

const GPS51_URL = 'https://api.gps51.com/openapi';

const text = z.string({ error: 'must be text' }).min(1, 'must not be empty');

export const gps51AccountSchema = z.strictObject({
  vendor: z.literal('gps51'),
  baseUrl: httpUrl
    .default(GPS51_URL)
    .describe('Where the API answers; a white-labelled platform or a simulator has its own.'),
  username: text.describe('Name of the user, or the device id when loginType is DEVICE.'),
  password: secretRef,
  loginType: z
    .enum(['USER', 'DEVICE'], { error: 'must be USER or DEVICE' })
    .default('USER')
    .describe('What the credentials are: those of a user, or of a single device.'),
  tokenHours: duration('hours', { min: 0.05 })
    .prefault(24)
    .describe('How long a token is taken to live; the vendor does not say. Renewed ahead of that.'),
  egressIp: text
    .default('default')
    .describe(
      'A name for the IP address that calls leave from: accounts with the same name share its limits.',
    ),
  zone: timeZone
    .default(GPS51_ZONE)
    .describe("IANA zone of the vendor's days, in which the limits a day are counted."),
  commandPassword: secretRef.optional(),
  timeoutSeconds: duration('seconds', { min: 0.001 })
    .prefault(30)
    .describe('Longest wait for an answer; a command waits for its device.'),
  ...commonAccountFields,
});

export type Gps51Account = z.infer<typeof gps51AccountSchema>;
