/**
 * Secrets: references in the settings, resolved only where a call needs the value. A resolved secret prints as
 * `[secret]` wherever it ends up: in text, JSON, a log line or the inspector.
 */
import { readFile, stat } from 'node:fs/promises';
import { inspect } from 'node:util';
import type { SecretRef } from '../vendors/account-fields';

const MASK = '[secret]';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Pass it straight to the call that needs it; never store or log it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/** Thrown when a reference points at nothing. Names the reference, never a value. */
export class SecretError extends Error {
  override readonly name = 'SecretError';

  constructor(
    readonly ref: SecretRef,
    readonly code: 'missing' | 'empty' | 'unreadable' | 'no-vault',
    what: string,
  ) {
    super(`secret ${ref}: ${what}`);
  }
}

/** What is needed of the vault here; `store/secrets/vault.ts` provides it. */
export interface SecretVault {
  /** The entry's value, or null when there is no such entry. */
  get(name: string): Promise<string | null>;
}

export interface SecretSources {
  readonly vault?: SecretVault;
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called when a secret's file can be read by every user of the machine. */
  readonly warn?: (message: string) => void;
}

/**
 * Reads the secret behind a reference. A file's trailing newline is cut off. Throws a SecretError that names the
 * reference and what to do.
 */
export async function resolveSecret(ref: SecretRef, sources: SecretSources = {}): Promise<Secret> {
  const name = ref.slice(ref.indexOf(':') + 1);
  if (ref.startsWith('env:')) return fromEnvironment(ref, name, sources.env ?? process.env);
  if (ref.startsWith('file:')) return fromFile(ref, name, sources.warn);
  return fromVault(ref, name, sources.vault);
}

function fromEnvironment(
  ref: SecretRef,
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Secret {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value === undefined) {
    throw new SecretError(
      ref,
      'missing',
      `the environment variable ${name} is not set; set it, or change the reference`,
    );
  }
  if (value === '') throw new SecretError(ref, 'empty', `the environment variable ${name} is empty`);
  return new Secret(value);
}

async function fromFile(
  ref: SecretRef,
  path: string,
  warn: ((message: string) => void) | undefined,
): Promise<Secret> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if (warn && process.platform !== 'win32' && (mode & 0o004) !== 0) {
      warn(`secret ${ref}: every user of this machine can read the file; run: chmod o-r ${path}`);
    }
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const what = code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`;
    throw new SecretError(ref, code === 'ENOENT' ? 'missing' : 'unreadable', what);
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw new SecretError(ref, 'empty', 'the file is empty');
  return new Secret(value);
}

async function fromVault(ref: SecretRef, name: string, vault: SecretVault | undefined): Promise<Secret> {
  if (vault === undefined) {
    throw new SecretError(ref, 'no-vault', 'the vault is not open; set SLUICE_VAULT_KEY or vault.keyFile');
  }
  const value = await vault.get(name);
  if (value === null) {
    throw new SecretError(
      ref,
      'missing',
      `the vault has no entry "${name}"; add it with: sluice vault put ${name}`,
    );
  }
  return new Secret(value);
}
