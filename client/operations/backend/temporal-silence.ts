/** Whether Temporal still answers somebody who waits for it, and what to say when it does not. */
import type { Client } from '@temporalio/client';
import { isStopped } from '../../../embedded/child';
import type { Settings } from '../../../settings';
import { afterFreeTime } from '../../../temporal/free-time';
import { failed, messageOf, type OperationError } from '../errors';
import { type Context, liveInstance } from './context-servers';
import { ServerSilent, SilenceWatch, WATCH_TIMES, type WatchTimes } from './silence-watch';

/** gRPC's DEADLINE_EXCEEDED and UNAVAILABLE. */
const AWAY = new Set([4, 14]);

export function isTemporalAway(error: unknown): boolean {
  if (error instanceof ServerSilent) return true;
  const { cause, code = (cause as { readonly code?: unknown } | undefined)?.code } = error as {
    readonly code?: unknown;
    readonly cause?: unknown;
  };
  return typeof code === 'number' && AWAY.has(code);
}

/** Watches over a connection that is used: it may be silent alone, where something in between has forgotten it. */
export function temporalWatch(
  client: Client,
  address: string,
  { temporal }: Settings,
  onSilent?: () => void,
  times: WatchTimes = WATCH_TIMES,
): SilenceWatch {
  let slow = 0;
  const answers = async (withinMs: number): Promise<boolean> => {
    const answered = await answersWithin(client, withinMs);
    const { speaks } = await import('../../../temporal/connection-trouble.js');
    // A server that speaks to others is slow, or has lost this connection: the next look tells.
    slow = answered ? 0 : slow + 1;
    return answered || (slow < 2 && (await speaks(address, temporal.tls, SPEAK_MS)));
  };
  return new SilenceWatch(times, answers, onSilent);
}

/** @param withinMs of time in which this process could have read an answer: that it was busy is no silence of the server's. */
async function answersWithin(client: Client, withinMs: number): Promise<boolean> {
  let cancel = () => {};
  const late = new Promise<false>((resolve) => {
    cancel = afterFreeTime(withinMs, () => resolve(false));
  });
  // A call ends some time after it is waited for, whatever becomes of the server.
  const asked = client
    .withDeadline(Date.now() + 4 * withinMs, () => client.workflowService.getSystemInfo({}))
    .then(
      () => true,
      (error: unknown) => !isTemporalAway(error),
    );
  return Promise.race([asked, late]).finally(cancel);
}

/** A server that says nothing to a new connection for so long is silent, ms. */
export const SPEAK_MS = 1_000;

export function temporalSilent(context: Pick<Context, 'settings' | 'dir'>, address: string): OperationError {
  return failed(`Temporal at ${address} does not answer: ${whyOf(context)}`, 'TEMPORAL_UNAVAILABLE');
}

function whyOf({ settings, dir }: Pick<Context, 'settings' | 'dir'>): string {
  const own = settings.temporal.address === null ? liveInstance(dir)?.temporal : undefined;
  return own !== undefined && isStopped(own)
    ? `its process ${own.pid} is stopped by a signal; it goes on with: kill -CONT ${own.pid}`
    : 'it takes connections and is frozen, busy or cut off';
}

export function temporalUnreachable(address: string | null, why: unknown): OperationError {
  return failed(
    `Temporal cannot be reached at ${address} (${messageOf(why)}): is it running?`,
    'TEMPORAL_UNAVAILABLE',
  );
}
