/** `sluice keys`: keys of the HTTP API. */
import type { Command } from 'commander';
import { createApiKey, listApiKeys, revokeApiKey } from '../../operations/access/keys';
import { whenText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { note, print, printJson, table } from '../output';

interface JsonOption {
  readonly json?: boolean;
}

export function addKeys(program: Command): void {
  const keys = program.command('keys').description('keys of the HTTP API');
  keys
    .command('create <name>')
    .description(createApiKey.about)
    .option(
      '--scope <scope>',
      'read, operate (read and steer work) or admin (keys, secrets and settings, too)',
      'read',
    )
    .option('--expires <when>', 'a time, or a length such as 90d (default: never)')
    .option('--requests-per-minute <n>', 'of this key (default: api.requestsPerMinute)')
    .option('--json', 'JSON')
    .action(async (name: string, { json, ...options }: JsonOption, command: Command) => {
      const made = await call(createApiKey, contextOf(command), { name, ...options });
      if (json) printJson(createApiKey.json(made));
      else {
        print(made.key);
        note(
          `${made.name}: scope ${made.scope}. It is shown this once; send it as "Authorization: Bearer …".`,
        );
      }
    });
  keys
    .command('list')
    .description(listApiKeys.about)
    .option('--json', 'JSON')
    .action(async (options: JsonOption, command: Command) => {
      const found = await call(listApiKeys, contextOf(command), {});
      if (options.json) printJson(listApiKeys.json(found));
      else if (found.length === 0) print('There are no keys.');
      else {
        const now = Date.now();
        const when = (ms: number | null, none: string) => (ms === null ? none : whenText(ms, now));
        const rows = found.map((key) => [
          ...[key.name, key.id, key.scope],
          key.revokedAt === null ? when(key.expiresAt, 'never') : `revoked ${whenText(key.revokedAt, now)}`,
          when(key.lastUsedAt, 'never'),
        ]);
        print(table(['name', 'id', 'scope', 'expires', 'last used'], rows));
      }
    });
  keys
    .command('revoke <key>')
    .description(revokeApiKey.about)
    .action(async (key: string, _options: unknown, command: Command) => {
      const revoked = await call(revokeApiKey, contextOf(command), { key });
      print(`${revoked.name}: refused from now on`);
    });
}
