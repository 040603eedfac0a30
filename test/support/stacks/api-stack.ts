/** The API as a process of its own, over real sockets, with an Amazon simulator and an account for batches. */
import { mkdirSync } from 'node:fs';
import { createApiKey } from '../../../client/operations/access/keys';
import { contextWith } from '../../../client/operations/context';
import { freePort } from '../../../embedded/ports';
import { stateDir } from '../../../embedded/state-dir';
import { Secret } from '../../../settings/secret';
import { startAmazonSimulator } from '../../../vendors/amazon/simulator';
import { type ApiProcess, startApi } from '../processes/api-process';
import { type CoreStack, startCore } from './core-stack';
import { temporaryFolder, uniqueName } from './embedded';
import { QUICK_LIMITS, settingsFor } from './stack';

export interface ApiStack extends CoreStack {
  readonly account: string;
  readonly texts: string;
  /** @throws with what it says when it does not start. */
  serve(own?: {
    readonly databaseUrl?: string;
    readonly temporalAddress?: string;
    readonly host?: string;
  }): Promise<ApiProcess>;
  key(scope: 'read' | 'operate' | 'admin', more?: Record<string, unknown>): Promise<string>;
}

export async function startApiStack(): Promise<ApiStack> {
  const account = uniqueName('acme');
  const texts = uniqueName('texts');
  const { vendor: _, ...core } = await startCore({
    name: 'api',
    env: { [`TEST_REFRESH_TOKEN_${account.slice(-12)}`]: `Atzr|${account}`, TEST_OPENAI_KEY: 'sk-texts' },
    startVendor: () => startAmazonSimulator({ limits: QUICK_LIMITS }),
    settings: (vendor) => {
      const settings = settingsFor(vendor, account);
      const openai = { vendor: 'openai', baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'env:TEST_OPENAI_KEY' };
      return { ...settings, accounts: { ...(settings.accounts as object), [texts]: openai } };
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
    ...{ account, texts },
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
