/** How `sluice up` and the demo run an API server beside the worker. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { choosePort, OWN_PORT_PATIENCE_MS } from '../../../embedded/ports';
import type { StateDir } from '../../../embedded/state-dir';
import type { Settings } from '../../../settings';
import { UsageError } from '../errors';
import { parsePort } from './codec-server';
import { adoptable, type ChildProgram, Keeper } from './keeper';
import { findProcess, type Say } from './servers';

export const API_PROCESS = 'api';

/** It answers what it has begun, ms. */
const STOP_MS = 35_000;

/** Where this folder's API server is found: the usual port, or another one, which is printed. */
export async function apiAddress(dir: StateDir, settings: Settings, say: Say): Promise<string> {
  return recordedAddress(dir) ?? `http://127.0.0.1:${await apiPort(settings, undefined, say)}`;
}

/** Where the one that runs listens: it may have had to take another port than it was to. */
export function recordedAddress(dir: StateDir): string | null {
  return findProcess(dir, API_PROCESS)?.url ?? null;
}

/** The port given, which has to be free; without one the usual one, or another when that is in use, which is printed. */
export async function apiPort(settings: Settings, given: string | undefined, say: Say): Promise<number> {
  if (given !== undefined) return parsePort(given);
  const { port, moved } = await choosePort(settings.api.port);
  if (moved) say(`port ${settings.api.port} is in use: the API takes ${port}`);
  return port;
}

export function apiProgram(dir: StateDir, settings: Settings, url: string): ChildProgram {
  return {
    name: API_PROCESS,
    script: join(__dirname, '..', '..', 'api', 'main.js'),
    ...listeningAt(settings, url),
    logFile: join(dir.logs, `${API_PROCESS}.log`),
    stopMs: STOP_MS,
    dependsOn: settings.file === null ? [] : [settings.file],
  };
}

/** While it was down, another program may have taken its port: it would end at every start. */
function listeningAt(settings: Settings, url: string): Pick<ChildProgram, 'args' | 'url' | 'whereFree'> {
  const wanted = Number(new URL(url).port);
  return {
    args: [...(settings.file === null ? [] : ['--settings', settings.file]), ...['--port', String(wanted)]],
    url,
    whereFree: async (say) => {
      const { port, moved } = await choosePort(wanted, OWN_PORT_PATIENCE_MS);
      if (!moved) return {};
      say(`port ${wanted} is in use by another program now: the API takes ${port}`);
      return listeningAt(settings, `http://127.0.0.1:${port}`);
    },
  };
}

const START_MS = 20_000;

/** Whether it answers soon. */
export async function untilApiAnswers(url: string, withinMs = START_MS): Promise<boolean> {
  const { accepts } = await import('../../../temporal/connection-trouble.js');
  const { host } = new URL(url);
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await delay(100)) {
    if (await accepts(host)) return true;
  }
  return false;
}

/** Keeps one running. @returns where it is found. */
export async function keepApi(
  dir: StateDir,
  settings: Settings,
  say: Say,
): Promise<{ readonly url: string; readonly keeper: Keeper }> {
  const url = await apiAddress(dir, settings, say);
  const program = apiProgram(dir, settings, url);
  const keeper = new Keeper(dir, program, say);
  await keeper.start(await adoptable(dir, program, say));
  return { url: recordedAddress(dir) ?? url, keeper };
}

/** @throws UsageError */
export function parseHost(text: string): string {
  if (/^[\w.:-]+$/.test(text)) return text;
  throw new UsageError(`--host: "${text}" must be an address of this machine such as 127.0.0.1 or 0.0.0.0`);
}
