/**
 * The keys behind everything that Sluice encrypts: vault entries, access tokens and Temporal payloads. One master
 * key (32 bytes) is enough; a separate key for each purpose is derived from it (HKDF-SHA-256), and AES-256-GCM
 * with a random nonce does the rest.
 *
 * Several keys may be given, the newest first: it encrypts, and all of them decrypt. Rotation is therefore: put a
 * new key in front, re-encrypt, take the old key away.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { inspect } from 'node:util';

export type KeyPurpose = 'vault' | 'tokens' | 'payloads' | 'spool';

/** Something encrypted. `ciphertext` ends with the 16 bytes of GCM's tag. */
export interface Sealed {
  readonly keyId: string;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/**
 * - `bad-key`: what was given is no key (not base64 of 32 bytes).
 * - `unknown-key`: it was encrypted with a key that is not among those given.
 * - `tampered`: the key is right, but the content or its name was changed.
 */
export type KeyErrorCode = 'bad-key' | 'unknown-key' | 'tampered';

export class KeyError extends Error {
  override readonly name = 'KeyError';

  constructor(
    readonly code: KeyErrorCode,
    message: string,
  ) {
    super(message);
  }
}

interface MasterKey {
  /** First 16 hex digits of a hash derived from the key: distinguishes keys, and reveals nothing about them. */
  readonly id: string;
  derive(purpose: KeyPurpose | 'fingerprint'): Buffer;
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

function masterKey(bytes: Buffer): MasterKey {
  const derive = (info: string, length = KEY_BYTES) =>
    Buffer.from(hkdfSync('sha256', bytes, Buffer.alloc(0), `sluice/${info}`, length));
  const derived = new Map<string, Buffer>();
  return {
    id: derive('key-id', 8).toString('hex'),
    derive: (purpose) => {
      const known = derived.get(purpose);
      if (known) return known;
      const key = derive(purpose);
      derived.set(purpose, key);
      return key;
    },
  };
}

export class KeyRing {
  readonly #current: MasterKey;
  readonly #byId: ReadonlyMap<string, MasterKey>;

  private constructor(keys: readonly [MasterKey, ...MasterKey[]]) {
    this.#current = keys[0];
    this.#byId = new Map(keys.map((key) => [key.id, key]));
  }

  /**
   * @param text base64 of 32 bytes; several keys are separated by commas or white space, the newest first.
   * @throws KeyError `bad-key`; never repeats the text.
   */
  static parse(text: string): KeyRing {
    const [first, ...others] = text
      .split(/[\s,]+/)
      .filter((part) => part !== '')
      .map((part, i) => masterKey(decodeKey(part, i + 1)));
    if (first === undefined) {
      throw new KeyError('bad-key', 'the vault key is empty; make one with: openssl rand -base64 32');
    }
    return new KeyRing([first, ...others]);
  }

  /** Id of the key that encrypts. */
  get currentId(): string {
    return this.#current.id;
  }

  /** Ids of all keys, the current one first. */
  get ids(): readonly string[] {
    return [...this.#byId.keys()];
  }

  /** @param name bound to the ciphertext: it opens under this name only. */
  seal(purpose: KeyPurpose, plaintext: Uint8Array, name: string): Sealed {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#current.derive(purpose), nonce);
    cipher.setAAD(Buffer.from(name, 'utf8'));
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    return { keyId: this.#current.id, nonce, ciphertext };
  }

  /**
   * @param what how an error calls it, e.g. `vault entry "x"`.
   * @throws KeyError `unknown-key` or `tampered`.
   */
  open(purpose: KeyPurpose, sealed: Sealed, name: string, what: string): Buffer {
    const key = this.#byId.get(sealed.keyId);
    if (key === undefined) {
      throw new KeyError(
        'unknown-key',
        `${what} was encrypted with key ${sealed.keyId}, but the key given is ${this.ids.join(', ')}; ` +
          'set SLUICE_VAULT_KEY (or the key file) to the right key, or add the older one behind the newer',
      );
    }
    const { ciphertext, nonce } = sealed;
    const tampered = () =>
      new KeyError(
        'tampered',
        `${what} was changed after it had been encrypted, or moved from another place`,
      );
    if (ciphertext.length < TAG_BYTES || nonce.length !== NONCE_BYTES) throw tampered();
    const decipher = createDecipheriv('aes-256-gcm', key.derive(purpose), nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(name, 'utf8'));
    decipher.setAuthTag(ciphertext.subarray(ciphertext.length - TAG_BYTES));
    try {
      return Buffer.concat([
        decipher.update(ciphertext.subarray(0, ciphertext.length - TAG_BYTES)),
        decipher.final(),
      ]);
    } catch {
      throw tampered();
    }
  }

  /** A keyed hash that shows whether credentials have changed, and nothing else about them. */
  fingerprint(values: readonly string[]): string {
    return createHmac('sha256', this.#current.derive('fingerprint'))
      .update(JSON.stringify(values))
      .digest('hex')
      .slice(0, 32);
  }

  toJSON(): string {
    return `[keys ${this.ids.join(', ')}]`;
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}

function decodeKey(text: string, position: number): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const canonical = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  if (!canonical || bytes.length !== KEY_BYTES) {
    throw new KeyError(
      'bad-key',
      `vault key number ${position} must be base64 of ${KEY_BYTES} bytes${canonical ? `, not of ${bytes.length}` : ''}; ` +
        'make one with: openssl rand -base64 32',
    );
  }
  return bytes;
}

/** A new random key, in the form that `KeyRing.parse` reads. */
export function generateKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}

/**
 * Makes a key file (0600) if there is none. For one machine's embedded mode only: on several machines a key made
 * by whoever starts first would lock the others out.
 * @returns whether this call made it.
 */
export async function createKeyFile(path: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, `${generateKey()}\n`, { mode: 0o600, flag: 'wx' });
  try {
    // A link appears whole or not at all, and never replaces a key that is there.
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}
