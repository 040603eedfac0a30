/**
 * What a process keeps from its start. Secrets in files and in the vault are read at each call, but environment
 * variables and the vault's keys only once, so an adopted process may have older ones than the present environment.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Settings } from '../../../settings';
import { ENVIRONMENT } from '../../../settings/environment';
import type { KeyRing } from '../../../store/secrets/keyring';

/** Fingerprints by variable, keyed with the vault's key: they show that a value has changed, and nothing else about it. */
export type EnvironmentPrint = Readonly<Record<string, string>>;

/** Stands for the vault's keys, however they are given. */
const VAULT_KEYS = 'vault keys';

/** Of every variable that the settings read or refer to. */
export function environmentPrint(
  settings: Settings,
  keys: KeyRing,
  env: NodeJS.ProcessEnv = process.env,
): EnvironmentPrint {
  const names = new Set([...ENVIRONMENT.map(({ name }) => name), ...referredTo(settings.file)]);
  names.delete('SLUICE_VAULT_KEY');
  const prints = [...names].sort().map((name) => [name, keys.fingerprint([name, env[name] ?? ''])]);
  return { ...Object.fromEntries(prints), [VAULT_KEYS]: keys.ids.join(' ') };
}

/** By `env:NAME` and `${NAME}`; one in a comment does no harm. */
function referredTo(file: string | null): readonly string[] {
  if (file === null || !existsSync(file)) return [];
  const found = readFileSync(file, 'utf8').matchAll(/(?:\benv:|\$\{)([A-Za-z_][A-Za-z0-9_]*)/g);
  return [...found].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

/** What has another value now than at the start; with another key nothing else can be compared. */
export function changedSince(atStart: EnvironmentPrint, now: EnvironmentPrint): readonly string[] {
  if (VAULT_KEYS in atStart && atStart[VAULT_KEYS] !== now[VAULT_KEYS]) return [VAULT_KEYS];
  return Object.keys(now).filter((name) => name in atStart && atStart[name] !== now[name]);
}

/** For a person who starts what runs already. */
export function olderText(name: string, pid: number, changed: readonly string[]): string {
  return (
    `the ${name} that runs (process ${pid}) goes on with the ${changed.join(', ')} of its start, ` +
    `and here the value is another; to use that one: npx sluice down, then npx sluice up`
  );
}
