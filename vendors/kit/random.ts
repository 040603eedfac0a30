/**
 * Randomness that depends on what is asked and not on when: the same seed and the same keys give the same number,
 * in any order of requests and in any process.
 */

/** MurmurHash3's finaliser: spreads 32 bits over 32 bits. */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** FNV-1a over the keys, mixed: an unsigned 32-bit hash. */
export function hash32(...keys: readonly (string | number)[]): number {
  let h = 0x811c9dc5;
  for (const key of keys) {
    const text = String(key);
    for (let i = 0; i < text.length; i++) {
      h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    }
    // A separator, so that ('ab', 'c') and ('a', 'bc') differ.
    h = Math.imul(h ^ 0x1f, 0x01000193);
  }
  return mix32(h);
}

/** 0 (inclusive) to 1 (exclusive) from a hash. */
export function unitOf(hash: number): number {
  return hash / 4294967296;
}

/** A whole number from `min` to `max`, both included, chosen by the keys. */
export function pickBetween(min: number, max: number, ...keys: readonly (string | number)[]): number {
  return min + Math.floor(unitOf(hash32(...keys)) * (max - min + 1));
}
