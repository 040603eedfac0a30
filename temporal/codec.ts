/**
 * Encrypts what Temporal stores: inputs, results, signals, queries, failures. Workers and clients use the same
 * data converter.
 *
 * Payloads that this codec did not encode pass through as they are, so that a plain `temporal workflow signal`
 * works and histories from before encryption was switched on still replay. The other way round, with encryption
 * off but a key at hand, old encrypted payloads are still read.
 */
import { join } from 'node:path';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import type { SecretSources } from '../settings/secret';
import type { Settings } from '../settings/types';
import type { KeyRing } from '../store/secrets/keyring';
import { keyRingFor } from './keys';

const ENCODING = 'binary/encrypted';
const CIPHER = 'AES-256-GCM';
const NONCE_BYTES = 12;
/** Bound to every ciphertext. Not the workflow's id: continue-as-new and signals carry payloads to other ones. */
const CONTEXT = 'temporal-payload';

const PayloadProto = temporal.api.common.v1.Payload;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | null | undefined) => (value ? new TextDecoder().decode(value) : '');

/** Temporal's conventional envelope: the whole payload, metadata included, is the plaintext. */
export class EncryptionCodec implements PayloadCodec {
  constructor(
    private readonly keys: KeyRing,
    /** False: only decode. */
    private readonly encrypts = true,
  ) {}

  async encode(payloads: Payload[]): Promise<Payload[]> {
    return this.encrypts ? payloads.map((payload) => this.encodeOne(payload)) : payloads;
  }

  /** @throws KeyError when the key that encrypted a payload is not at hand, or the payload was changed. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (isEncrypted(payload) ? this.decodeOne(payload) : payload));
  }

  private encodeOne(payload: Payload): Payload {
    if (isEncrypted(payload)) return payload;
    const sealed = this.keys.seal('payloads', PayloadProto.encode(payload).finish(), CONTEXT);
    return {
      metadata: {
        encoding: bytes(ENCODING),
        'encryption-cipher': bytes(CIPHER),
        'encryption-key-id': bytes(sealed.keyId),
      },
      data: Buffer.concat([sealed.nonce, sealed.ciphertext]),
    };
  }

  private decodeOne(payload: Payload): Payload {
    const data = payload.data ?? new Uint8Array();
    const sealed = {
      keyId: text(payload.metadata?.['encryption-key-id']),
      nonce: data.subarray(0, NONCE_BYTES),
      ciphertext: data.subarray(NONCE_BYTES),
    };
    return PayloadProto.decode(this.keys.open('payloads', sealed, CONTEXT, 'a Temporal payload'));
  }
}

function isEncrypted({ metadata }: Payload): boolean {
  return text(metadata?.encoding) === ENCODING && text(metadata?.['encryption-cipher']) === CIPHER;
}

/** Module that `bundleWorkflowCode` and workers load by path when payloads are encrypted. */
export const FAILURE_CONVERTER_PATH = require.resolve(join(__dirname, 'failure-converter'));

/** For `Worker.create`, `bundleWorkflowCode` (its `failureConverterPath`) and `Client` alike. */
export async function dataConverterFor(
  settings: Pick<Settings, 'vault' | 'temporal'>,
  sources: SecretSources = {},
): Promise<DataConverter> {
  const { encryptPayloads } = settings.temporal;
  const keys = await keyRingFor(settings, sources);
  if (keys === null) {
    if (!encryptPayloads) return {};
    throw new Error('temporal.encryptPayloads needs a key: set SLUICE_VAULT_KEY or vault.keyFile');
  }
  return {
    payloadCodecs: [new EncryptionCodec(keys, encryptPayloads)],
    ...(encryptPayloads ? { failureConverterPath: FAILURE_CONVERTER_PATH } : {}),
  };
}
