/** What every demo runs beside its simulator: the servers, a worker, and a codec server where payloads are encrypted. */

import type { Context } from '../backend/context';
import { keepApi } from '../processes/api-process';
import { codecEndpoint, keepCodecServer } from '../processes/codec-server';
import { adoptable, Keeper, workerProgram } from '../processes/keeper';
import {
  forgetProcess,
  type Say,
  type Servers,
  startServers,
  stopServersIfUnused,
} from '../processes/servers';

export interface DemoParts {
  readonly servers: Servers;
  readonly worker: Keeper;
  /** Where the HTTP API is found. */
  readonly api: string;
  /** Stops all of it, servers included unless something else of this folder needs them. */
  stop(): Promise<void>;
}

/** Starts what does not run and adopts what does. On failure what was started is stopped again, `before` included. */
export async function startParts(
  { dir, settings }: Pick<Context, 'dir' | 'settings'>,
  say: Say,
  before: readonly Keeper[],
): Promise<DemoParts> {
  const keepers = [...before];
  const stop = async () => {
    for (const keeper of [...keepers].reverse()) await keeper.stop();
    await forgetProcess(dir, 'demo');
    await stopServersIfUnused(dir);
  };
  try {
    const endpoint = await codecEndpoint(dir, settings);
    const servers = await startServers(dir, settings, say, endpoint);
    const program = workerProgram(dir, settings, servers, 'demo-worker');
    const worker = new Keeper(dir, program, say);
    await worker.start(await adoptable(dir, program, say));
    keepers.push(worker);
    keepers.push(...(await keepCodecServer(dir, settings, servers, endpoint, say)));
    const api = await keepApi(dir, settings, say);
    keepers.push(api.keeper);
    return { servers, worker, api: api.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
