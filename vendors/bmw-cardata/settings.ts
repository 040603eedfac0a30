/** The settings of a CarData account: one user of BMW's, and the client that this user has made in the portal. */
import { z } from 'zod';
import {
  commonAccountFields,
  duration,
  pathUrl,
  SECRET_REF_PATTERN,
  type SecretRef,
  timeZone,
} from '../account-fields';
import { vinProblem } from '../bmw/vin';
import { DEFAULT_DESCRIPTORS, DESCRIPTOR_PATTERN } from './descriptors';
import { CALLS_A_DAY, INTERACTIVE_CALLS } from './limits';

const CLIENT =
  'must be the id of a client (letters, digits, - and _), or a reference to it (env:NAME, file:/path or vault:name)';
const clientId = z
  .string({ error: CLIENT })
  .refine((text) => /^[\w-]{4,100}$/.test(text) || SECRET_REF_PATTERN.test(text), { error: CLIENT });

const DESCRIPTOR = 'must be a list of names such as vehicle.vehicle.travelledDistance';
const STREAM_URL = 'must be an mqtts:// URL such as mqtts://host:9000; mqtt:// is for this machine alone';
/** The id token is the connection's password: in the clear it goes nowhere. */
const isStreamUrl = (text: string) => {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  const isHere = /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(hostname);
  return protocol === 'mqtts:' || (protocol === 'mqtt:' && isHere);
};
const RESERVED = `must be a whole number of calls from 0 to ${CALLS_A_DAY - 1}`;
const NAME = 'must be 1 to 40 letters, digits, - and _';

const stale = (unit: 'minutes' | 'hours' | 'days', value: number, what: string) =>
  duration(unit, { min: 0 }).prefault(value).describe(what);

const TIME = 'must be a time of day such as 22:30';
const timeOfDay = z.string({ error: TIME }).regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, TIME);
const VINS = 'must be a list of VINs: 17 capital letters and digits without I, O and Q';
const PAGES = 'must be a whole number of pages from 1 to 10';
const FACTOR = 'must be a number from 1 to 100';

const fresh = (unit: 'minutes' | 'days', value: number, what: string) =>
  duration(unit, { min: 0 }).prefault(value).describe(what);

const pollingSchema = z
  .strictObject({
    vehicles: z
      .array(
        z.string({ error: VINS }).refine((vin) => vinProblem(vin) === null, VINS),
        { error: VINS },
      )
      .min(1, VINS)
      .optional()
      .describe('Vehicles that are polled. Default: all that the account may read.'),
    telematics: z
      .strictObject({
        active: duration('minutes', { min: 1 })
          .prefault(10)
          .describe('While it moves, and for a while after.'),
        plugged: duration('minutes', { min: 1 }).prefault(15).describe('While it is plugged in.'),
        idle: duration('minutes', { min: 1 }).prefault(30).describe('While it stands.'),
      })
      .prefault({})
      .describe('How old values of a vehicle may become, by what the vehicle does.'),
    basicData: fresh('days', 30, 'How old it may become; 0: it is not polled.'),
    chargingHistory: fresh('days', 1, 'How old it may become; 0: it is not polled.'),
    chargingHistoryPages: z
      .number({ error: PAGES })
      .int(PAGES)
      .min(1, PAGES)
      .max(10, PAGES)
      .default(2)
      .describe(
        'In how many calls a charging history is taken to come, until one has come; BMW states no size of a page.',
      ),
    tyres: fresh('days', 7, 'How old it may become; 0: it is not polled.'),
    chargingSettings: fresh('days', 0, 'How old they may become; 0: they are not polled.'),
    image: fresh('days', 0, 'How old it may become; 0: it is not polled.'),
    activeMinutes: duration('minutes', { min: 0 })
      .prefault(60)
      .describe('A vehicle counts as active for so long after it moved.'),
    night: z
      .strictObject({
        from: timeOfDay.default('23:00').describe('When it begins.'),
        to: timeOfDay.default('06:00').describe('When it ends.'),
        zone: timeZone.default('UTC').describe('IANA zone of these times.'),
        factor: z
          .number({ error: FACTOR })
          .min(1, FACTOR)
          .max(100, FACTOR)
          .default(4)
          .describe('By night answers may be so many times as old; 1: as by day.'),
      })
      .prefault({})
      .describe('Hours in which less is asked.'),
  })
  .prefault({})
  .describe(
    'What polling keeps how fresh (`sluice plan polling`). Where the day has too few calls for it, all becomes older alike.',
  );

export const cardataAccountSchema = z.strictObject({
  vendor: z.literal('bmw-cardata'),
  baseUrl: pathUrl
    .default('https://api-cardata.bmwgroup.com')
    .describe('Where the interface answers; a simulator has its own.'),
  loginUrl: pathUrl
    .default('https://customer.bmwgroup.com')
    .describe('Where logins are made and tokens renewed.'),
  clientId: clientId.describe('Client id of the CarData portal, as it is or as a reference.'),
  quotaWindow: z
    .enum(['midnight', 'rolling'], { error: 'must be midnight or rolling' })
    .default('midnight')
    .describe(
      'How the 50 calls a day are counted, which is disputed: midnight, by days of UTC; rolling, in any 24 hours.',
    ),
  interactiveCalls: z
    .number({ error: RESERVED })
    .int(RESERVED)
    .min(0, RESERVED)
    .max(CALLS_A_DAY - 1, RESERVED)
    .default(INTERACTIVE_CALLS)
    .describe('Calls of a day that polling leaves to people who ask for something now.'),
  containerName: z
    .string({ error: NAME })
    .regex(/^[\w-]{1,40}$/, NAME)
    .default('sluice')
    .describe('Begins the names of the containers that are made here. Others are left alone.'),
  descriptors: z
    .array(z.string({ error: DESCRIPTOR }).regex(DESCRIPTOR_PATTERN, DESCRIPTOR), { error: DESCRIPTOR })
    .min(1, DESCRIPTOR)
    .max(250, 'must name at most 250 values')
    .default([...DEFAULT_DESCRIPTORS])
    .describe('Values that telematics reads.'),
  staleness: z
    .strictObject({
      vehicles: stale('hours', 24, 'The list of vehicles; polling asks for it once a day at most.'),
      telematics: stale('minutes', 5, 'Values of the vehicle.'),
      basicData: stale('days', 30, 'What the vehicle is.'),
      chargingHistory: stale('hours', 12, 'Charging sessions.'),
      tyres: stale('days', 7, 'Diagnosis of the tyres.'),
      chargingSettings: stale('days', 1, 'Charging settings by place.'),
      image: stale('days', 90, 'A picture of the vehicle.'),
    })
    .prefault({})
    .describe('How old an answer may be and still be given without a call.'),
  stream: z
    .strictObject({
      enabled: z
        .boolean({ error: 'must be true or false' })
        .default(false)
        .describe(
          'Take the changes that BMW sends by itself (MQTT): one connection an account, which costs no calls.',
        ),
      url: z
        .string({ error: STREAM_URL })
        .refine(isStreamUrl, { error: STREAM_URL })
        .default('mqtts://customer.streaming-cardata.bmwgroup.com:9000')
        .describe('Where the stream is.'),
      silentAfterMinutes: duration('minutes', { min: 0.001 })
        .prefault(360)
        .describe(
          'Without a message for so long the stream counts as silent, and each vehicle is read once.',
        ),
      gapMinutes: duration('minutes', { min: 0 })
        .prefault(10)
        .describe('A shorter gap between two connections is not made up for by calls.'),
    })
    .prefault({})
    .describe('Values that are sent as they change, instead of being polled.'),
  polling: pollingSchema,
  timeoutSeconds: duration('seconds', { min: 0.001 }).prefault(30).describe('Longest wait for an answer.'),
  ...commonAccountFields,
});

export type CarDataAccount = z.infer<typeof cardataAccountSchema>;

/** The reference that a client id is; null when it stands there itself. */
export function clientIdRef({ clientId }: Pick<CarDataAccount, 'clientId'>): SecretRef | null {
  return SECRET_REF_PATTERN.test(clientId) ? (clientId as SecretRef) : null;
}
