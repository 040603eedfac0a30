/** Restarts the embedded servers of a folder when one has ended. */
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessIdentity, terminate } from '../../../embedded/child';
import type { StateDir } from '../../../embedded/state-dir';
import type { Settings } from '../../../settings';
import { messageOf } from '../errors';
import { HangWatch, HUNG_MS } from './hang-watch';
import { BACKOFF_MS, WELL_MS } from './keeper';
import { type Say, type Servers, startServers } from './servers';

const WATCH_MS = 250;

export interface ServerWatch {
  /** Watches no more; the servers run on. A start that is under way is waited for. */
  stop(): Promise<void>;
}

/**
 * @param codecEndpoint as for `startServers`.
 * @param onMoved called when they have another address than before, for a port may have been taken meanwhile.
 */
export function watchServers(
  dir: StateDir,
  settings: Settings,
  first: Servers,
  { codecEndpoint, say, onMoved }: WatchOptions,
): ServerWatch {
  let servers = first;
  let stopping = false;
  let deaths = 0;
  let startedAt = Date.now();

  const restart = async (ended: readonly string[]) => {
    const wait = BACKOFF_MS[Math.min(deaths++, BACKOFF_MS.length - 1)] ?? 0;
    say(`${ended.join(' and ')} ended; starting again in ${wait / 1000} s (logs: ${dir.logs})`);
    const until = Date.now() + wait;
    while (Date.now() < until && !stopping) await delay(WATCH_MS);
    if (stopping) return;
    try {
      const now = await startServers(dir, settings, say, codecEndpoint);
      const moved =
        now.databaseUrl !== servers.databaseUrl || now.temporalAddress !== servers.temporalAddress;
      servers = now;
      startedAt = Date.now();
      say(`${ended.join(' and ')} started again`);
      if (moved) await onMoved(now);
    } catch (error) {
      say(messageOf(error));
    }
  };

  let hangs: readonly HangWatch[] = [];
  /** A server that is stopped by a signal is ended: it would handle no other signal, and answers nobody. */
  const endHung = async () => {
    const running = [servers.postgres, servers.temporal].filter((server) => server !== null);
    hangs = running.map(
      (server) => hangs.find(({ identity }) => identity.pid === server.pid) ?? new HangWatch(server),
    );
    for (const hang of hangs.filter((one) => one.silentMs() >= HUNG_MS)) {
      say(
        `${nameOf(servers, hang.identity)} (process ${hang.identity.pid}) is frozen; it is ended and started again`,
      );
      await terminate(hang.identity, [{ signal: 'SIGKILL', waitMs: 5_000 }]);
    }
  };

  const watch = async () => {
    while (!stopping) {
      await endHung().catch((error: unknown) => say(messageOf(error)));
      const ended = endedOf(servers);
      if (ended.length > 0) await restart(ended);
      else if (Date.now() - startedAt > WELL_MS) deaths = 0;
      await delay(WATCH_MS);
    }
  };
  const watching = watch();
  return {
    stop: async () => {
      stopping = true;
      await watching;
    },
  };
}

interface WatchOptions {
  readonly codecEndpoint: string | null;
  readonly say: Say;
  readonly onMoved: (servers: Servers) => Promise<void>;
}

const nameOf = ({ postgres }: Servers, { pid }: ProcessIdentity) =>
  pid === postgres?.pid ? 'Postgres' : 'Temporal';

function endedOf({ postgres, temporal }: Servers): readonly string[] {
  return [
    ...(postgres !== null && !isAlive(postgres) ? ['Postgres'] : []),
    ...(temporal !== null && !isAlive(temporal) ? ['Temporal'] : []),
  ];
}
