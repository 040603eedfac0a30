/**
 * What became of a command: the `status` of `sendcmd` and `querycommand` (not an error code there).
 * Source: GPS51 Open API, commands.
 */
import type { CommandResult } from '../capabilities/commands';

type Outcome = Pick<CommandResult, 'outcome' | 'name'>;

const RESULTS: readonly Outcome[] = [
  { outcome: 'success', name: 'sent' },
  { outcome: 'failure', name: 'bad-password' },
  { outcome: 'failure', name: 'offline' },
  { outcome: 'success', name: 'cached' },
  { outcome: 'failure', name: 'default-password' },
  { outcome: 'failure', name: 'error' },
  { outcome: 'success', name: 'confirmed' },
  { outcome: 'failure', name: 'retries-failed' },
  // The device may have obeyed and its confirmation been lost.
  { outcome: 'unknown', name: 'confirmation-timeout' },
];

/** Codes of a call have four digits; a platform of its own may have results that the page does not list. */
const RESULTS_BELOW = 100;

/** Whether a status is the outcome of a command, known to us or not, and not a code of the call. */
export function isCommandStatus(status: number): boolean {
  return status >= 0 && status < RESULTS_BELOW;
}

/** Results that the vendor has only once it has taken the command: it is not sent again, whatever the words beside them. */
export function isFromDevice(status: number): boolean {
  return FROM_DEVICE.has(RESULTS[status]?.name ?? '');
}

const FROM_DEVICE: ReadonlySet<string> = new Set([
  'cached',
  'confirmed',
  'retries-failed',
  'confirmation-timeout',
]);

/** @param polled true for `querycommand`: there `sent` means that the device has not answered yet. */
export function commandOutcome(status: number, polled: boolean): Outcome {
  if (polled && status === 0) return { outcome: 'pending', name: 'sent' };
  return RESULTS[status] ?? { outcome: 'unknown', name: 'unrecognised' };
}
