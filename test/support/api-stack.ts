/** The API as a process of its own, over real sockets, with an Amazon simulator and an account for batches. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createApiKey } from '../../client/operations/access/keys';
import { contextWith } from '../../client/operations/context';
import { freePort } from '../../embedded/ports';
import { stateDir } from '../../embedded/state-dir';
import { Secret } from '../../settings/secret';
import { startAmazonSimulator } from '../../vendors/amazon/simulator';
import { type CoreStack, startCore } from './core-stack';
import { temporaryFolder, uniqueName } from './embedded';
import { eventually } from './eventually';
import { program } from './program';
import { endWithRun } from './run-folder';
import { QUICK_LIMITS, settingsFor } from './stack';

export interface ApiProcess {
  readonly url: string;
  log(): string;
  /** Resolves to its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

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
      const server = await startApiProcess(folder, core.settingsFile, own.host ?? '127.0.0.1', {
        ...core.env,
        DATABASE_URL: own.databaseUrl ?? core.databaseUrl,
        TEMPORAL_ADDRESS: own.temporalAddress ?? core.temporalAddress,
      });
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

async function startApiProcess(
  cwd: string,
  settingsFile: string,
  host: string,
  env: NodeJS.ProcessEnv,
): Promise<ApiProcess> {
  const args = [program('client', 'api', 'main'), '--settings', settingsFile, '--host', host, '--port', '0'];
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH: process.env.PATH, LOG_LEVEL: process.env.TEST_LOG ?? 'error', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) endWithRun(child.pid);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  const gone = new Promise<number | null>((done) => child.once('close', (code) => done(code)));
  const url = await eventually('the API listens', () => {
    if (child.exitCode !== null) return 'ended';
    return /^API at (\S+)\/api\/v1,/m.exec(said)?.[1];
  });
  if (url === 'ended') throw new Error(said);
  return {
    // By this machine's own address, wherever it listens.
    url: url.replace('0.0.0.0', '127.0.0.1'),
    log: () => said,
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return gone;
    },
  };
}

/** `host:port` at which nothing listens. */
export async function closedAddress(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}
