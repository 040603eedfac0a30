/** `sluice user-auth`: checks an end user's own credentials, and lists the devices that the user sees. */
import type { Command } from 'commander';
import { UsageError } from '../../operations/errors';
import { authenticateEndUser } from '../../operations/logins/user-auth';
import { readPasswordOf } from '../../operations/secrets/password';
import { chooseEndUserAccount } from '../../operations/settings/choose';
import { pluralText, relativeText, whenText } from '../../operations/time-text';
import { parseLength } from '../arguments';
import { call, contextOf } from '../command';
import { note, print, printJson, table } from '../output';

const EXIT = { ok: 0, refused: 4, limited: 5, closed: 5, unavailable: 1 } as const;

const HELP = `
The password comes on standard input or is typed, or --password-from names where it is; it is never an argument, and
it is not kept. A user whom the vendor has accepted is believed for a day (reads.authenticationHours in the settings), of
which a keyed hash is kept; --max-age 0 has the vendor asked all the same. The check goes through the same limits as every other call, ahead of all background work.

Exit codes:
  0  the vendor accepts the user
  1  the vendor gives no usable answer
  2  something given is wrong
  4  the vendor refuses the user
  5  not checked: a limit or the pool lets no call through now; the message says until when`;

interface UserAuthOptions {
  readonly account?: string;
  readonly username: string;
  readonly passwordFrom?: string;
  readonly timeout: string;
  readonly maxAge?: string;
  readonly json?: boolean;
}

export function addUserAuth(program: Command): void {
  program
    .command('user-auth <vendor>')
    .description("check an end user's own credentials, and list the devices that the user sees")
    .requiredOption('--username <name>', "the end user's name")
    .option('--account <name>', 'account through whose limits it goes, when there are several')
    .option('--password-from <reference>', 'env:NAME, file:PATH or vault:NAME (default: standard input)')
    .option('--timeout <length>', 'longest wait for leave to call', '30s')
    .option(
      '--max-age <length>',
      'how long ago the vendor may have accepted the user; 0: ask now (default: 24h)',
    )
    .option('--json', 'JSON, with the devices')
    .addHelpText('after', HELP)
    .action(userAuth);
}

async function userAuth(vendor: string, options: UserAuthOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  // Before anybody is asked for a password.
  chooseEndUserAccount(context.settings, vendor, options.account);
  parseLength('--timeout', options.timeout);
  if (options.username.trim() === '') throw new UsageError('--username: must not be empty');
  const { username, account, timeout, maxAge } = options;
  const password = await readPasswordOf(context, options.passwordFrom, `Password of ${username}: `, note);
  const result = await call(authenticateEndUser, context, {
    vendor,
    username,
    account,
    timeout,
    maxAge,
    password,
  });
  const now = Date.now();
  process.exitCode = EXIT[result.kind];
  if (options.json) {
    printJson(authenticateEndUser.json(result));
    return;
  }
  switch (result.kind) {
    case 'ok': {
      const when = result.acceptedAt === undefined ? '' : ` ${relativeText(result.acceptedAt, now)}`;
      print(`${options.username}: accepted${when}; sees ${pluralText(result.devices.length, 'device')}`);
      const rows = result.devices.map((d) => [d.deviceId, d.name, d.group]);
      if (rows.length > 0) print(table(['device', 'name', 'group'], rows));
      return;
    }
    case 'refused':
      note(`${options.username}: refused by the vendor: ${result.message}`);
      return;
    case 'limited':
      note(
        `${options.username}: not checked, too many calls; again ${whenText(result.until, now)}: ${result.message}`,
      );
      return;
    case 'closed':
      note(`${options.username}: not checked: ${result.message}`);
      return;
    case 'unavailable':
      note(`${options.username}: not checked, the vendor gives no usable answer: ${result.message}`);
  }
}
