/** `sluice streams`: changes that vendors send by themselves. */
import type { Command } from 'commander';
import { MINUTE_MS } from '../../quota/durations';
import { LONGEST_RETRY_MS } from '../../quota/streams/continuity';
import type { StreamStanding } from '../../store/streams/streams';
import { listStreamsOf } from '../operations/streams/streams';
import { whenText } from '../operations/time-text';
import { call, contextOf } from './command';
import { print, printJson, table } from './output';

export function addStreams(program: Command): void {
  program
    .command('streams')
    .description(listStreamsOf.about)
    .option('--json', 'JSON')
    .action(async ({ json }: { readonly json?: boolean }, command: Command) => {
      const streams = await call(listStreamsOf, contextOf(command), {});
      if (json) return printJson(listStreamsOf.json(streams));
      if (streams.length === 0) return print('No account of the settings has a stream switched on.');
      const now = Date.now();
      const at = (ms: number | null) => (ms === null ? '' : whenText(ms, now));
      const rows = streams.map((one) => [
        ...[one.account, one.held ? one.state : 'no worker', at(one.continuousSince), at(one.messageAt)],
        ...[String(one.messages), one.reason, one.held ? at(one.retryAt) : ''],
      ]);
      print(
        table(
          ['account', 'state', 'without a gap since', 'last message', 'messages', 'reason', 'next try'],
          rows,
        ),
      );
    });
}

/** Why a stream brings nothing, and what follows; null when it stands. */
export function streamTrouble(
  { account, held, state, reason, messageAt, retryAt }: StreamStanding,
  now: number,
): string | null {
  if (held && state === 'connected') return null;
  const why = held ? reason || 'it is being connected' : 'no worker holds it';
  const last = messageAt === null ? 'no message so far' : `last message ${whenText(messageAt, now)}`;
  const next =
    held && state === 'silent'
      ? 'each vehicle is read once by a call, as the budget of polling allows'
      : held && retryAt !== null && retryAt > now
        ? `next try ${whenText(retryAt, now)}`
        : `tried again by itself, at most ${Math.round(LONGEST_RETRY_MS / MINUTE_MS)} min apart`;
  return `${account} brings no changes: ${why}; ${last}; ${next}`;
}
