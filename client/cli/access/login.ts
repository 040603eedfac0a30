/** `sluice login` and `sluice logins`: logs in to an account, and says who is logged in. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { LoginRecord } from '../../../store/secrets/logins';
import type { FormLogin } from '../../../vendors/capabilities/login';
import type { Context } from '../../operations/backend/context';
import { UsageError } from '../../operations/errors';
import {
  cancelLogin,
  listLogins,
  loginStateText,
  showLogin,
  startLogin,
} from '../../operations/logins/logins';
import { readPassword, readPasswordOf } from '../../operations/secrets/password';
import { chooseLogin } from '../../operations/settings/choose';
import { whenText } from '../../operations/time-text';
import { call, contextOf, several } from '../command';
import { untilInterrupted } from '../interrupt';
import { note, print, printJson, table } from '../output';

const HELP = `
ACCOUNT is an account of the settings, or a vendor with --account, or with one account only.

By device code, a code and a link are shown, and this waits until somebody has entered the code; Ctrl-C gives it up.
Where a worker dies over the answer to a code that was entered, a second code is shown: the vendor gives each answer once.
Where a vendor asks for a user name and a password, they are prompted for, read from standard input as a JSON object or
as lines of name=value, or named by --field-from; they are no arguments, and nothing of them is kept.

Exit codes:
  0  logged in
  1  not logged in: the message says why
  2  something given is wrong
  4  the vendor, or the person, refuses
  130  given up by Ctrl-C`;

const EXIT: Readonly<Partial<Record<LoginRecord['state'], number>>> = { done: 0, refused: 4 };
const POLL_EVERY_MS = 500;

interface LoginOptions {
  readonly account?: string;
  readonly fieldFrom?: readonly string[];
  readonly wait: boolean;
  readonly json?: boolean;
}

export function addLogin(program: Command): void {
  program
    .command('login <account>')
    .description(startLogin.about)
    .option('--account <name>', 'account, where a vendor was named and has several')
    .option('--field-from <name=reference>', 'where a field is: env:NAME, file:PATH or vault:NAME', several)
    .option('--no-wait', 'show the code, and do not wait for the person')
    .option(
      '--json',
      'JSON: the code as soon as it is known, another one if its answer is lost, then how it ended',
    )
    .addHelpText('after', HELP)
    .action(login);
  const logins = program
    .command('logins')
    .description(listLogins.about)
    .option('--json', 'JSON')
    .action(list);
  logins
    .command('show <login>')
    .description(showLogin.about)
    .action(async (id: string, _options: unknown, command: Command) =>
      printJson(showLogin.json(await call(showLogin, contextOf(command), { login: id }))),
    );
  logins
    .command('cancel <login>')
    .description(cancelLogin.about)
    .option('--reason <text>', 'why')
    .action(async (id: string, { reason }: { readonly reason?: string }, command: Command) => {
      const after = await call(cancelLogin, contextOf(command), { login: id, reason });
      print(`Login ${after.id}: ${loginStateText(after)}`);
    });
}

async function login(given: string, options: LoginOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const account = chooseLogin(context.settings, given, options.account);
  const form = account.parts.grant?.login.kind === 'form' ? account.parts.grant.login : null;
  if (form === null && options.fieldFrom !== undefined)
    throw new UsageError(`--field-from: ${account.name} is logged in to without any field`);
  const fields = form === null ? undefined : await readFields(context, form, options);
  const started = await call(startLogin, context, { account: account.name, fields });
  if (!started.workerRuns) note('No worker runs now; one has to, for it makes the calls (npx sluice up).');
  const ended =
    started.login.endedAt === null ? await follow(context, started.login, options) : started.login;
  if (ended === null) return;
  process.exitCode ??= EXIT[ended.state] ?? 1;
  if (options.json) printJson(showLogin.json(ended));
  else if (ended.state === 'done') print(`${ended.account}: logged in`);
  else note(`${ended.account}: not logged in: ${loginStateText(ended)}`);
}

/** Shows the code when it is there, then waits for the end. @returns null when this does not wait for it. */
async function follow(
  context: Context,
  { id }: LoginRecord,
  { json, wait }: LoginOptions,
): Promise<LoginRecord | null> {
  const interrupt = untilInterrupted();
  let shown: string | null = null;
  try {
    for (;;) {
      const now = await call(showLogin, context, { login: id });
      if (now.endedAt !== null) return now;
      if (now.url !== null && now.userCode !== shown) {
        // The worker has died over the answer to it, which is not to be had again.
        if (shown !== null)
          note(`The code ${shown} is used up, and the answer that brought the tokens was lost.`);
        shown = now.userCode;
        if (json) printJson(showLogin.json(now));
        else {
          print(`Open ${now.url}`);
          print(
            `and enter the code ${now.userCode} (good until ${whenText(now.expiresAt ?? 0, Date.now())}).`,
          );
        }
        if (!wait) return null;
      }
      await Promise.race([interrupt.promise, delay(POLL_EVERY_MS)]);
      if (interrupt.signal.aborted) {
        const cancelled = await call(cancelLogin, context, { login: id, reason: 'interrupted' });
        process.exitCode = 130;
        return cancelled;
      }
    }
  } finally {
    interrupt.done();
  }
}

async function readFields(
  context: Context,
  { fields }: FormLogin,
  options: LoginOptions,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const text of options.fieldFrom ?? []) {
    const [, field = '', ref = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (!fields.some(({ name }) => name === field)) {
      const known = fields.map(({ name }) => name).join(', ');
      throw new UsageError(`--field-from: must be <name>=<reference>, with a name of ${known}`);
    }
    values[field] = await readPasswordOf(context, ref, '', note);
  }
  const missing = fields.filter(({ name }) => values[name] === undefined);
  if (missing.length === 0) return values;
  if (!process.stdin.isTTY) return { ...values, ...parseFields(readFileSync(0, 'utf8'), missing) };
  for (const { name, about, secret } of missing) {
    values[name] = secret
      ? await readPassword(undefined, process.stdin, `${about}: `, { warn: note })
      : await ask(`${about}: `);
  }
  return values;
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

/** A JSON object, lines of name=value, or the one field that is missing. */
function parseFields(text: string, missing: FormLogin['fields']): Record<string, string> {
  const names = missing.map(({ name }) => name);
  const wanted = `a JSON object or lines of name=value, with ${names.join(', ')}`;
  if (text.trim() === '') throw new UsageError(`standard input is empty; give ${wanted}`);
  const [only] = names;
  if (text.trimStart().startsWith('{')) {
    try {
      const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
      return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
    } catch {
      throw new UsageError(`standard input is no JSON; give ${wanted}`);
    }
  }
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const isList = lines.every((line) => names.includes(line.split('=')[0] ?? ''));
  if (!isList && only !== undefined && names.length === 1) return { [only]: text.replace(/\r?\n$/, '') };
  if (!isList) throw new UsageError(`standard input is not as it should be; give ${wanted}`);
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

async function list({ json }: { readonly json?: boolean }, command: Command): Promise<void> {
  const logins = await call(listLogins, contextOf(command), {});
  if (json) return printJson(listLogins.json(logins));
  if (logins.length === 0) return print('The settings have no accounts.');
  const now = Date.now();
  const at = (ms: number | null) => (ms === null ? '' : whenText(ms, now));
  const rows = logins.map((one) => [
    ...[one.account, one.by, one.state, one.subject ?? '', at(one.since), at(one.refreshGoodUntil)],
    one.reason ?? '',
  ]);
  print(table(['account', 'by', 'state', 'who', 'since', 'refresh token until', 'reason'], rows));
  for (const { account, state } of logins) {
    if (state === 'never logged in' || state === 'needs login') note(`Log in: npx sluice login ${account}`);
  }
}
