/** API keys: whose a key is. */
import type { IncomingHttpHeaders } from 'node:http';
import { hash32 } from '../../kit/random';
import type { OpenAiScenario } from './options';

export interface Principal {
  readonly project: string;
  readonly organization: string;
}

const ANY_ORGANIZATION = 'org-simulator';

export class KeyRing {
  private readonly revoked = new Set<string>();

  constructor(private readonly projects: OpenAiScenario['projects']) {}

  /** The key of a request; null when it carries none. */
  static keyOf(headers: IncomingHttpHeaders): string | null {
    return /^Bearer\s+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1] ?? null;
  }

  /**
   * With configured projects, only theirs. Without, any `sk-…`: `sk-bios` and `sk-bios#2` (a renewed key) are the
   * project `bios`, `sk-acme.bios` is the same in the organization `acme`; longer keys are named by a hash, so that
   * the log does not show them.
   */
  lookUp(key: string): Principal | undefined {
    if (this.revoked.has(key)) return undefined;
    if (this.projects.length > 0) {
      const known = this.projects.find((p) => p.apiKey === key);
      return known && { project: known.name, organization: known.organization };
    }
    if (!/^sk-.+/.test(key)) return undefined;
    const named = /^sk-(?:([\w-]{1,24})\.)?([\w-]{1,24})(#.*)?$/.exec(key);
    return {
      project: named?.[2] ?? `project-${hash32(key).toString(16).padStart(8, '0')}`,
      organization: named?.[1] ?? ANY_ORGANIZATION,
    };
  }

  revoke(keys: readonly string[]): void {
    for (const key of keys) this.revoked.add(key);
  }

  restore(keys: readonly string[]): void {
    for (const key of keys) this.revoked.delete(key);
  }
}
