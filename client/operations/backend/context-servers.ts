/** Which servers a context's settings and folder name: the settings' own, else the embedded ones that run. */
import { isAlive } from '../../../embedded/child';
import { type Instance, readInstance } from '../../../embedded/instance';
import type { StateDir } from '../../../embedded/state-dir';
import { failed } from '../errors';
import { hint } from '../hints';
import type { Backend } from './backend';

/** A backend that opens a connection for each piece of work, as a command that soon ends does. */
export interface Context extends Backend {
  /** Receives what a person should know meanwhile, such as a server that is slow to answer. */
  readonly note: (line: string) => void;
}

/** What runs for this folder, leaving out servers that have died. */
export function liveInstance(dir: StateDir): Instance | null {
  const instance = readInstance(dir);
  if (instance === null) return null;
  const { postgres, temporal, ...rest } = instance;
  return {
    ...rest,
    ...(postgres && isAlive(postgres) ? { postgres } : {}),
    ...(temporal && isAlive(temporal) ? { temporal } : {}),
    processes: instance.processes.filter((p) => isAlive(p)),
  };
}

export const START = `start one here with: ${hint('start servers')}`;

/** @throws OperationError when neither settings nor this folder name a database. */
export function databaseUrl(context: Pick<Context, 'settings' | 'dir'>): string {
  const url = context.settings.database.url?.reveal() ?? liveInstance(context.dir)?.postgres?.url;
  if (url !== undefined) return url;
  throw failed(`no database runs for ${context.dir.root}: ${START}, or set DATABASE_URL`, 'NO_SERVER');
}

/** Null when the settings name none and none runs here. */
export function temporalAddress(context: Pick<Context, 'settings' | 'dir'>): string | null {
  return context.settings.temporal.address ?? liveInstance(context.dir)?.temporal?.address ?? null;
}
