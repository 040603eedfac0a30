/**
 * The API key of an account whose calls all carry the same one: read from its reference, and cached for a short while.
 */
import { resolveSecret, type SecretRef, type SecretSources } from '../../../settings';
import type { TokenSource } from '../call-terms';

/** A key that was changed in its file or in the vault is noticed after this, ms. */
const KEPT_MS = 10_000;

export function createKeySource(ref: SecretRef, secrets: SecretSources): TokenSource {
  let kept: { readonly key: Promise<string>; readonly at: number } | null = null;
  return {
    token: async () => {
      if (kept === null || performance.now() - kept.at > KEPT_MS) {
        const key = resolveSecret(ref, secrets).then((secret) => secret.reveal());
        kept = { key, at: performance.now() };
        key.catch(() => {
          kept = null;
        });
      }
      return { accessToken: await kept.key, version: 1 };
    },
  };
}
