/** The codec server's use case: its input, checked; and how `sluice up` runs one beside its Web UI. */
import { join } from 'node:path';
import { choosePort } from '../../../embedded/ports';
import type { StateDir } from '../../../embedded/state-dir';
import type { Settings } from '../../../settings';
import { type Context, liveInstance } from '../backend/context';
import { UsageError } from '../errors';
import { adoptable, type ChildProgram, Keeper } from './keeper';
import { findProcess, type Say, type Servers } from './servers';

export const CODEC_PORT = 8234;
const PROCESS = 'codec-server';

/** Next to it stands the Web UI, unless this folder's has another port. */
const UI_URL = 'http://127.0.0.1:8233';

/** Where the Web UI's pages come from; for a browser localhost and 127.0.0.1 differ. */
export function uiOrigins(context: Context): readonly string[] {
  return originsOf(liveInstance(context.dir)?.temporal?.uiUrl ?? UI_URL);
}

function originsOf(uiUrl: string): readonly string[] {
  const { port } = new URL(uiUrl);
  return [`http://localhost:${port}`, `http://127.0.0.1:${port}`];
}

/** `https://host[:port]`, as a browser sends it. @throws UsageError */
export function parseOrigin(text: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : null;
  if (parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.origin === text.replace(/\/$/, '')) {
    return parsed.origin;
  }
  throw new UsageError(
    `--allow-origin: "${text}" must be where the Web UI is found, without a path, such as http://localhost:8233`,
  );
}

/** @throws UsageError */
export function parsePort(text: string): number {
  const port = Number(/^\d{1,5}$/.exec(text)?.[0] ?? Number.NaN);
  if (port <= 65_535) return port;
  throw new UsageError(`--port: "${text}" must be a port from 1 to 65535, or 0 for any`);
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Where this folder's Web UI is to find its codec server; null when there is nothing to decode, or a UI of others. */
export async function codecEndpoint(dir: StateDir, settings: Settings): Promise<string | null> {
  if (!settings.temporal.encryptPayloads || settings.temporal.address !== null) return null;
  const running = findProcess(dir, PROCESS)?.url;
  return running ?? `http://127.0.0.1:${(await choosePort(CODEC_PORT)).port}`;
}

export function codecServerProgram(
  dir: StateDir,
  settings: Settings,
  servers: Servers,
  endpoint: string,
): ChildProgram {
  const origins = servers.temporal === null ? [] : originsOf(servers.temporal.uiUrl);
  return {
    name: PROCESS,
    script: join(__dirname, '..', '..', 'launch.cjs'),
    args: [
      ...(settings.file === null ? [] : ['--settings', settings.file]),
      ...['codec-server', '--port', new URL(endpoint).port],
      ...origins.flatMap((origin) => ['--allow-origin', origin]),
    ],
    logFile: join(dir.logs, `${PROCESS}.log`),
    url: endpoint,
    dependsOn: settings.file === null ? [] : [settings.file],
  };
}

/** Keeps one running for the Web UI, where there is something to decode. */
export async function keepCodecServer(
  dir: StateDir,
  settings: Settings,
  servers: Servers,
  endpoint: string | null,
  say: Say,
): Promise<readonly Keeper[]> {
  if (endpoint === null) return [];
  const program = codecServerProgram(dir, settings, servers, endpoint);
  const keeper = new Keeper(dir, program, say);
  await keeper.start(await adoptable(dir, program, say));
  return [keeper];
}
