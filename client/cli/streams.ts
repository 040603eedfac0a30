/** `sluice streams`: changes that vendors send by themselves. */
import type { Command } from 'commander';
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
        ...[String(one.messages), one.reason],
      ]);
      print(table(['account', 'state', 'without a gap since', 'last message', 'messages', 'reason'], rows));
    });
}
