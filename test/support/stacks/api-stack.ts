/**
 * The API as processes of its own, over real sockets, with simulators of the vendors behind it: reports and a fleet, a car's
 * user who is logged in by a form, one who is logged in by a code, and texts, whose vendor is away.
 */
import { mkdirSync } from 'node:fs';
import { createApiKey } from '../../../client/operations/access/keys';
import { contextWith } from '../../../client/operations/backend/context';
import { freePort } from '../../../embedded/ports';
import { stateDir } from '../../../embedded/state-dir';
import { Secret } from '../../../settings/secret';
import { type AmazonSimulator, startAmazonSimulator } from '../../../vendors/amazon/simulator';
import { type MyBmwSimulator, startMyBmwSimulator } from '../../../vendors/bmw-mybmw/simulator';
import { type Gps51Simulator, startGps51Simulator } from '../../../vendors/gps51/simulator';
import { type ApiProcess, startApi } from '../processes/api-process';
import { type CoreStack, startCore } from './core-stack';
import { temporaryFolder, uniqueName } from './embedded';
import { FLEET_PASSWORD, QUICK_GPS51 } from './gps51-stack';
import { QUICK_LIMITS, settingsFor } from './stack';

export interface ApiStack extends CoreStack {
  readonly account: string;
  readonly texts: string;
  readonly fleet: string;
  readonly car: string;
  readonly code: string;
  readonly amazon: AmazonSimulator;
  readonly gps51: Gps51Simulator;
  readonly mybmw: MyBmwSimulator;
  /** @throws with what it says when it does not start. */
  serve(own?: {
    readonly databaseUrl?: string;
    readonly temporalAddress?: string;
    readonly host?: string;
  }): Promise<ApiProcess>;
  key(scope: 'read' | 'operate' | 'admin', more?: Record<string, unknown>): Promise<string>;
}

export const CAR_USER = { email: 'demo@example.com', password: 'demo-password-1' };

async function startVendors() {
  const [amazon, gps51, mybmw] = await Promise.all([
    startAmazonSimulator({ limits: QUICK_LIMITS }),
    startGps51Simulator({
      limits: QUICK_GPS51,
      accounts: [{ username: 'fleet', password: FLEET_PASSWORD }],
      fleet: { devices: 2, offlineShare: 0, expiredShare: 0 },
    }),
    startMyBmwSimulator({ users: [CAR_USER], cars: [{ owner: CAR_USER.email, parked: true }] }),
  ]);
  const all = [amazon, gps51, mybmw];
  return { amazon, gps51, mybmw, close: () => Promise.all(all.map((one) => one.close())) };
}

export async function startApiStack(): Promise<ApiStack> {
  const account = uniqueName('acme');
  const [texts, fleet, car, code] = ['texts', 'fleet', 'car', 'code'].map(uniqueName) as [
    string,
    string,
    string,
    string,
  ];
  const { vendor, ...core } = await startCore({
    name: 'api',
    env: {
      [`TEST_REFRESH_TOKEN_${account.slice(-12)}`]: `Atzr|${account}`,
      TEST_OPENAI_KEY: 'sk-texts',
      TEST_FLEET_PASSWORD: FLEET_PASSWORD,
    },
    startVendor: startVendors,
    settings: ({ amazon, gps51, mybmw }) => {
      const settings = settingsFor(amazon, account);
      return {
        ...settings,
        api: { mainAccount: car, endUserRequestsPerMinute: 1_000_000 },
        reads: { userPerMinute: 0 },
        accounts: {
          ...(settings.accounts as object),
          [texts]: { vendor: 'openai', baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'env:TEST_OPENAI_KEY' },
          [fleet]: {
            ...{ vendor: 'gps51', baseUrl: gps51.baseUrl, username: 'fleet' },
            ...{ password: 'env:TEST_FLEET_PASSWORD', egressIp: uniqueName('ip'), limits: QUICK_GPS51 },
          },
          [car]: { vendor: 'bmw-mybmw', baseUrl: mybmw.url, userAgentPrefix: uniqueName('agent') },
          [code]: {
            ...{ vendor: 'bmw-cardata', clientId: '11111111-2222-4333-8444-555555555555' },
            ...{ baseUrl: 'http://127.0.0.1:9', loginUrl: 'http://127.0.0.1:9' },
          },
        },
      };
    },
  });
  const folder = temporaryFolder('api');
  mkdirSync(folder, { recursive: true });
  const context = contextWith(
    { ...core.settings, database: { ...core.settings.database, url: new Secret(core.databaseUrl) } },
    stateDir(folder, {}),
    () => undefined,
  );
  const servers: ApiProcess[] = [];
  return {
    ...core,
    ...{ account, texts, fleet, car, code },
    ...{ amazon: vendor.amazon, gps51: vendor.gps51, mybmw: vendor.mybmw },
    serve: async (own = {}) => {
      const env = {
        ...core.env,
        DATABASE_URL: own.databaseUrl ?? core.databaseUrl,
        TEMPORAL_ADDRESS: own.temporalAddress ?? core.temporalAddress,
      };
      const server = await startApi(core.settingsYaml, env, own.host);
      servers.push(server);
      return server;
    },
    key: async (scope, more = {}) =>
      (await createApiKey(context, { name: uniqueName('key'), scope, ...more })).key,
    close: async () => {
      await Promise.all(servers.map((server) => server.end()));
      await core.close();
    },
  };
}

/** `host:port` at which nothing listens. */
export async function closedAddress(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}
