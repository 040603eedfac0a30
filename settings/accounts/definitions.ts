/**
 * The pools, organizations and limits that this process's settings define, in a form that can be compared with other
 * processes'.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { limitDefinition } from '../../quota/limits/definition';
import type { PoolDefinitions } from '../../quota/pools/settings-generation';
import type { Settings } from '../types';
import { findAccount } from './accounts';

export function definitionsOf(settings: Settings): PoolDefinitions[] {
  const fileMs = writtenAt(settings.file);
  return Object.keys(settings.accounts).map((name) => {
    const { poolKey, pool, organization = null, limits } = findAccount(settings, name);
    const content = {
      pool,
      organization,
      limits: limits.map((limit) => [limit, limitDefinition(limit)]),
    };
    return { pool: poolKey, digest: digestOf(content), fileMs, limits: limits.map((limit) => limit.name) };
  });
}

/** Who publishes: the user, the machine, and the settings file. */
export function authorOf({ file }: Pick<Settings, 'file'>): string {
  let user = 'unknown';
  try {
    user = userInfo().username;
  } catch {
    // A container's user may have no name.
  }
  return `${user}@${hostname()}: ${file ?? 'settings from the environment'}`;
}

/** Keys in any order. */
function digestOf(content: object): string {
  const sorted = (_: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return createHash('sha256').update(JSON.stringify(content, sorted)).digest('hex');
}

/** Epoch ms; null without a file. */
function writtenAt(file: string | null): number | null {
  if (file === null) return null;
  try {
    return statSync(file).mtimeMs;
  } catch {
    return null;
  }
}
