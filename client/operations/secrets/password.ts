/** Reads a password: by reference, from standard input, or typed without echo. */
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { resolveSecret, type SecretRef, type SecretSources } from '../../../settings';
import { Vault } from '../../../store/secrets/vault';
import { SECRET_REF_PATTERN } from '../../../vendors/account-fields';
import { type Context, loadVaultKeys, withDatabase } from '../backend/context';
import { ClientError, UsageError } from '../errors';

/**
 * @param ref `env:NAME`, `file:PATH` or `vault:NAME`; without it the password is read from `input`.
 * @throws UsageError that never quotes what was given in its place.
 */
export async function readPassword(
  ref: string | undefined,
  input: NodeJS.ReadStream,
  prompt: string,
  sources: SecretSources,
): Promise<string> {
  if (ref !== undefined) {
    if (!SECRET_REF_PATTERN.test(ref)) {
      throw new UsageError(
        '--password-from: must be a reference such as env:NAME or file:PATH; the password itself comes on standard input',
      );
    }
    return (await resolveSecret(ref as SecretRef, sources)).reveal();
  }
  const password = input.isTTY ? await typed(input, prompt) : await piped(input);
  if (password === '') throw new UsageError('password: standard input is empty');
  return password;
}

/** As `readPassword`; a reference may also name an entry of the vault. */
export async function readPasswordOf(
  context: Context,
  ref: string | undefined,
  prompt: string,
  warn: (message: string) => void,
): Promise<string> {
  const read = (sources: SecretSources) => readPassword(ref, process.stdin, prompt, sources);
  if (!ref?.startsWith('vault:')) return read({ warn });
  const keys = await loadVaultKeys(context);
  return withDatabase(context, (db) => read({ vault: new Vault(db, keys), warn }));
}

/** A trailing newline is the file's, not the password's. */
async function piped(input: Readable): Promise<string> {
  return (await text(input)).replace(/\r?\n$/, '');
}

const ENTER = /[\r\n]/;
const INTERRUPT = '\u0003';
const ERASE = /[\u007f\b]/;

function typed(input: NodeJS.ReadStream, prompt: string): Promise<string> {
  // Before the prompt: what is typed at once must not be shown either.
  input.setRawMode(true).setEncoding('utf8').resume();
  process.stderr.write(prompt);
  return new Promise((resolve, reject) => {
    let password = '';
    const done = (finish: () => void) => {
      input.off('data', onData).setRawMode(false).pause();
      process.stderr.write('\n');
      finish();
    };
    const onData = (chunk: string | Buffer) => {
      for (const character of String(chunk)) {
        if (character === INTERRUPT) return done(() => reject(new ClientError('interrupted')));
        if (ENTER.test(character)) return done(() => resolve(password));
        password = ERASE.test(character) ? [...password].slice(0, -1).join('') : password + character;
      }
    };
    input.on('data', onData);
  });
}
