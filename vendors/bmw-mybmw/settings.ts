/** The settings of a MyBMW account: one user of the platform's own clients. */
import { z } from 'zod';
import { commonAccountFields, duration, pathUrl, secretRef } from '../account-fields';

/** Where the services answer, by region. */
const HOSTS = { row: 'https://cocoapi.bmwgroup.com', na: 'https://cocoapi.bmwgroup.us' } as const;
const LOGIN_HOST = 'https://customer.bmwgroup.com';

const PATH = 'must be a path such as /eadrax-vcs/v4/vehicles/state, without a query';
const path = (fallback: string) =>
  z
    .string({ error: PATH })
    .regex(/^(?:\/[\w.~{}-]+)+$/, PATH)
    .default(fallback);

const degrees = (most: number) => {
  const error = `must be a number of degrees from -${most} to ${most}`;
  return z.number({ error }).min(-most, error).max(most, error);
};

const PREFIX =
  'must be 1 to 100 visible ASCII characters, with single blanks between them at most: it is sent as a header';
const BRAND = 'must be bmw, mini or toyota';

export const mybmwAccountSchema = z.strictObject({
  vendor: z.literal('bmw-mybmw'),
  region: z
    .enum(['row', 'na'], { error: 'must be row (rest of the world) or na (North America)' })
    .default('row')
    .describe('Whose servers the user belongs to.'),
  baseUrl: pathUrl
    .optional()
    .describe(`Where the services answer. Default: ${HOSTS.row}, of North America ${HOSTS.na}.`),
  loginUrl: pathUrl
    .optional()
    .describe(`Where users log in. Default: baseUrl where that is given, else ${LOGIN_HOST}.`),
  paths: z
    .strictObject({
      oauthConfig: path('/eadrax-ucs/v1/presentation/oauth/config'),
      authenticate: path('/gcdm/oauth/authenticate'),
      token: path('/gcdm/oauth/token'),
      vehicleList: path('/eadrax-vcs/v5/vehicle-list'),
      profile: path('/eadrax-vcs/v5/vehicle-data/profile'),
      state: path('/eadrax-vcs/v4/vehicles/state'),
      charging: path('/eadrax-crccs/v2/vehicles'),
      remoteCommands: path('/eadrax-vrccs/v4/presentation/remote-commands'),
      eventStatus: path('/eadrax-vrccs/v3/presentation/remote-commands/eventStatus'),
      eventPosition: path('/eadrax-vrccs/v4/presentation/remote-commands/eventPosition'),
      chargingCommands: path('/eadrax-crccs/v1/vehicles'),
    })
    .prefault({})
    .describe('Paths of the services, for versions of theirs that differ.'),
  subscriptionKey: secretRef
    .optional()
    .describe("Reference to the key that the platform's clients show when they ask how to log in."),
  brand: z
    .enum(['bmw', 'mini', 'toyota'], { error: BRAND })
    .optional()
    .describe('Brand of vehicles that the vendor calls those of a third party.'),
  observer: z
    .strictObject({ latitude: degrees(90), longitude: degrees(180) })
    .optional()
    .describe('Where the caller is: some cars report where they are only to somebody nearby.'),
  userAgentPrefix: z
    .string({ error: PREFIX })
    .regex(/^[!-~]+(?: [!-~]+)*$/, PREFIX)
    .max(100, PREFIX)
    .default('sluice')
    .describe(
      "Begins the user agent, which calls are counted by; a / and the 16 digits of the deployment's identity follow. Accounts with the same one share its quota (env BMW_USER_AGENT_PREFIX).",
    ),
  staleness: z
    .strictObject({
      vehicles: duration('hours').prefault(24).describe('The list of vehicles.'),
      profile: duration('days').prefault(30).describe('What the vehicle is.'),
      state: duration('minutes').prefault(5).describe('What the vehicle last said.'),
      charging: duration('minutes').prefault(5).describe('Charging settings and timers.'),
    })
    .prefault({})
    .describe('How old an answer may be and still be given without a call.'),
  timeoutSeconds: duration('seconds', { min: 0.001 }).prefault(30).describe('Longest wait for an answer.'),
  ...commonAccountFields,
});

export type MyBmwAccount = z.infer<typeof mybmwAccountSchema>;

export function baseUrlOf({ baseUrl, region }: Pick<MyBmwAccount, 'baseUrl' | 'region'>): string {
  return withoutSlash(baseUrl ?? HOSTS[region]);
}

/** A server of one's own is asked for everything: no password goes to the vendor's by mistake. */
export function loginUrlOf({ loginUrl, baseUrl }: Pick<MyBmwAccount, 'loginUrl' | 'baseUrl'>): string {
  return withoutSlash(loginUrl ?? baseUrl ?? LOGIN_HOST);
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
