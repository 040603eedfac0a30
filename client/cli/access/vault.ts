/**
 * `sluice vault` and `sluice settings`: secrets by name, and the effective settings. Values of secrets are never
 * printed.
 */
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { withoutPassword } from '../../../embedded/instance';
import { type Settings, SettingsError, settingsWarnings } from '../../../settings';
import { vendors } from '../../../vendors/registry';
import { UsageError } from '../../operations/errors';
import { useText } from '../../operations/secrets/keys-in-use';
import { deleteSecret, listSecrets, putSecret, rotateVault } from '../../operations/secrets/vault';
import { publishSettings } from '../../operations/settings/publish';
import { countText, pluralText, whenText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { note, print, printJson, table } from '../output';

export function addVault(program: Command): void {
  const vault = program.command('vault').description('secrets, encrypted in Postgres');
  vault
    .command('put <name>')
    .description('store the value that comes on standard input, e.g. from a file or a password manager')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const value = await readSecret(process.stdin, name);
      const { version, resumed, unreached } = await call(putSecret, context, { name, value });
      print(`${name}: stored (version ${version})`);
      for (const pool of resumed) print(`${pool}: was held for refused credentials, and tries the new ones`);
      if (unreached !== null) note(`The pools' workflows learn of it at their next check: ${unreached}`);
    });
  vault
    .command('list')
    .description(listSecrets.about)
    .option('--json', 'JSON')
    .action(async (options: { readonly json?: boolean }, command: Command) => {
      const entries = await call(listSecrets, contextOf(command), {});
      if (options.json) printJson(listSecrets.json(entries));
      else if (entries.length === 0) print('The vault is empty.');
      else {
        const now = Date.now();
        const rows = entries.map((e) => [e.name, String(e.version), whenText(e.updatedAt, now), e.keyId]);
        print(table(['name', 'version', 'written', 'key'], rows));
      }
    });
  vault.command('rotate').description(rotateVault.about).action(rotate);
  vault
    .command('delete <name>')
    .description(deleteSecret.about)
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(deleteSecret, contextOf(command), { name });
      print(`${name}: deleted`);
    });
}

/** Re-encrypts what lies in Postgres, and says which of the older keys something still needs. */
async function rotate(_options: unknown, command: Command): Promise<void> {
  const { keyId, entries, grants, tokens, keys, unreached } = await call(rotateVault, contextOf(command), {});
  print(
    `${countText(entries)} ${entries === 1 ? 'entry' : 'entries'} ${grants === 0 ? '' : `and ${pluralText(grants, 'login')} `}encrypted again with key ${keyId}; ` +
      `${pluralText(tokens, 'access token')} dropped, which the next calls replace`,
  );
  if (keys === null) {
    note(`Open workflows cannot be searched: ${unreached}. Keep the older keys until they can.`);
    process.exitCode = 1;
    return;
  }
  const { missing, older, idle } = keys;
  for (const use of missing)
    note(`key ${use.keyId} is not among those given, and is needed by ${useText(use)}`);
  for (const use of older) print(`key ${use.keyId} has to stay behind the new one: ${useText(use)}`);
  for (const id of idle) print(`key ${id} is needed by nothing: it can be taken away`);
  if (missing.length > 0) process.exitCode = 1;
}

/** A trailing newline is the terminal's or the file's, not the secret's. */
async function readSecret(input: Readable & { isTTY?: boolean }, name: string): Promise<string> {
  if (input.isTTY) {
    throw new UsageError(
      `the value comes on standard input, so that it is neither shown nor kept by the shell, e.g.: npx sluice vault put ${name} < file`,
    );
  }
  const value = (await text(input)).replace(/\r?\n$/, '');
  if (value === '') throw new UsageError(`${name}: standard input is empty; nothing was stored`);
  return value;
}

export function addSettings(program: Command): void {
  const settings = program.command('settings').description('the settings as they are understood');
  settings
    .command('check')
    .description('say everything that is wrong with them')
    .action((_options: unknown, command: Command) => {
      const found = contextOf(command).settings;
      // Everything else goes on without them; here they are what was asked about.
      const { plugins } = found.broken;
      if (plugins.length > 0) throw new SettingsError(plugins, found.file);
      const accounts = Object.keys(found.accounts).length;
      print(
        `${found.file ?? 'no settings file, only the environment'}: valid; ${pluralText(accounts, 'account')}, ${pluralText(found.datasets.length, 'dataset')}`,
      );
      for (const warning of settingsWarnings(found)) note(`warning: ${warning}`);
    });
  settings
    .command('publish')
    .description(publishSettings.about)
    .action(async (_options: unknown, command: Command) => {
      const { pools } = await call(publishSettings, contextOf(command), {});
      print(`${pools.join(', ')}: published. Workers take it over when they start with these settings.`);
    });
  settings
    .command('show')
    .description('with every default and environment variable in place, secrets left out')
    .action((_options: unknown, command: Command) => printJson(shownSettings(contextOf(command).settings)));
  settings
    .command('schema')
    .description(
      'the JSON Schema for editors, with the accounts of the vendors that the settings load (plugins)',
    )
    .action(async (_options: unknown, command: Command) => {
      contextOf(command);
      const { settingsJsonSchema } = await import('../../../settings/schema.js');
      printJson(settingsJsonSchema(vendors()));
    });
  settings
    .command('reference')
    .description('every key and environment variable with default, range and effect, as Markdown')
    .action(async () => print((await import('../../../settings/reference.js')).settingsReference()));
}

/** Settings hold references to secrets, and one secret in the clear: the database's password. */
export function shownSettings(settings: Settings): Record<string, unknown> {
  const { database } = settings;
  return {
    ...settings,
    database: { ...database, url: database.url === null ? null : withoutPassword(database.url.reveal()) },
  };
}
