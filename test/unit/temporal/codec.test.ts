import { inspect } from 'node:util';
import { ApplicationFailure, defaultPayloadConverter, type Payload } from '@temporalio/common';
import { parseSettings } from '../../../settings';
import { generateKey, KeyError, KeyRing } from '../../../store/secrets/keyring';
import { dataConverterFor, EncryptionCodec } from '../../../temporal/codec';
import { failureConverter } from '../../../temporal/failure-converter';
import { keyRingFor } from '../../../temporal/keys';

const key = generateKey();
const codec = new EncryptionCodec(KeyRing.parse(key));

const payloadOf = (value: unknown): Payload => {
  const payload = defaultPayloadConverter.toPayload(value);
  if (payload === undefined) throw new Error('no payload');
  return payload;
};
const contentOf = (payload: Payload | undefined): unknown =>
  payload === undefined ? undefined : defaultPayloadConverter.fromPayload(payload);
const metadataOf = (payload: Payload | undefined, name: string): string =>
  Buffer.from(payload?.metadata?.[name] ?? []).toString();
const settingsWith = (text: string, env: Record<string, string> = {}) =>
  parseSettings(text, { file: null, baseDir: '/', env });

describe('payload codec', () => {
  const values = [{ account: 'main', n: 1.5 }, 'text', null, [1, 2], new Uint8Array([0, 255]), ''];

  test('what is encoded comes back as it was, and nothing of it can be read in between', async () => {
    const secret = { token: 'Atza|very-secret-token' };
    const encoded = await codec.encode([...values, secret].map(payloadOf));
    for (const payload of encoded) {
      expect(Buffer.from(payload.data ?? []).toString('latin1')).not.toContain('very-secret');
      expect(metadataOf(payload, 'encoding')).toBe('binary/encrypted');
    }
    const decoded = await codec.decode(encoded);
    expect(decoded.map(contentOf)).toEqual([...values, secret]);
  });

  test('the key id is in the metadata, the key is not', async () => {
    const [encoded] = await codec.encode([payloadOf('x')]);
    expect(metadataOf(encoded, 'encryption-key-id')).toBe(KeyRing.parse(key).currentId);
    expect(KeyRing.parse(key).currentId).toMatch(/^[0-9a-f]{16}$/);
    expect(Buffer.from(key, 'base64').toString('hex')).not.toContain(KeyRing.parse(key).currentId);
  });

  test('the same value is encrypted differently each time', async () => {
    const [a, b] = await codec.encode([payloadOf('x'), payloadOf('x')]);
    expect(Buffer.from(a?.data ?? [])).not.toEqual(Buffer.from(b?.data ?? []));
  });

  test('payloads that somebody else encoded pass through, as from a plain "temporal workflow signal"', async () => {
    const plain = payloadOf({ reason: 'lunch' });
    const foreign: Payload = {
      metadata: { encoding: Buffer.from('binary/encrypted') },
      data: Buffer.from('?'),
    };
    expect(await codec.decode([plain, foreign])).toEqual([plain, foreign]);
  });

  test('encoding twice encrypts once', async () => {
    const once = await codec.encode([payloadOf('x')]);
    expect(await codec.encode(once)).toEqual(once);
  });

  test('after a rotation the older key still decodes; without it the error names both keys', async () => {
    const encoded = await codec.encode([payloadOf('before')]);
    const newer = generateKey();
    const rotated = new EncryptionCodec(KeyRing.parse(`${newer},${key}`));
    expect((await rotated.decode(encoded)).map(contentOf)).toEqual(['before']);
    const [again] = await rotated.encode([payloadOf('after')]);
    expect(metadataOf(again, 'encryption-key-id')).toBe(KeyRing.parse(newer).currentId);

    const lost = new EncryptionCodec(KeyRing.parse(newer)).decode(encoded);
    await expect(lost).rejects.toThrow(KeyError);
    await expect(lost).rejects.toThrow(
      `was encrypted with key ${KeyRing.parse(key).currentId}, but the key given is ${KeyRing.parse(newer).currentId}`,
    );
  });

  test('a changed payload is refused', async () => {
    const [encoded] = await codec.encode([payloadOf('x')]);
    const data = Buffer.from(encoded?.data ?? []);
    data[data.length - 1] = (data[data.length - 1] ?? 0) ^ 1;
    const { metadata } = encoded ?? {};
    await expect(codec.decode([{ metadata: metadata ?? {}, data }])).rejects.toMatchObject({
      code: 'tampered',
    });
    const cut = codec.decode([{ metadata: metadata ?? {}, data: data.subarray(0, 5) }]);
    await expect(cut).rejects.toMatchObject({ code: 'tampered' });
  });

  test('messages and stack traces of failures go into a payload for the codec to encrypt', () => {
    const failure = failureConverter.errorToFailure(
      ApplicationFailure.nonRetryable('refused for buyer@example.com'),
      defaultPayloadConverter,
    );
    expect(failure.message).toBe('Encoded failure');
    expect(failure.stackTrace).toBe('');
    expect(failureConverter.failureToError(failure, defaultPayloadConverter).message).toBe(
      'refused for buyer@example.com',
    );
  });
});

describe('data converter', () => {
  const env = { SLUICE_VAULT_KEY: key };

  test('encrypts when there is a vault key', async () => {
    const converter = await dataConverterFor(settingsWith('', env), { env });
    const encoded = await converter.payloadCodecs?.[0]?.encode([payloadOf('x')]);
    expect(metadataOf(encoded?.[0], 'encoding')).toBe('binary/encrypted');
    expect(converter.failureConverterPath).toMatch(/failure-converter/);
  });

  test('switched off, it encrypts nothing and still reads what was encrypted', async () => {
    const converter = await dataConverterFor(settingsWith('temporal: { encryptPayloads: false }', env), {
      env,
    });
    const [off] = converter.payloadCodecs ?? [];
    const plain = payloadOf('x');
    expect(await off?.encode([plain])).toEqual([plain]);
    expect((await off?.decode(await codec.encode([plain])))?.map(contentOf)).toEqual(['x']);
    expect(converter.failureConverterPath).toBeUndefined();
  });

  test('without a key it changes nothing', async () => {
    expect(await dataConverterFor(settingsWith(''))).toEqual({});
    expect(await keyRingFor(settingsWith(''))).toBeNull();
  });
});

describe('key ring', () => {
  test.each([
    ['', 'the vault key is empty'],
    ['not a key', 'vault key number 1 must be base64 of 32 bytes, not of 2'],
    [Buffer.alloc(16).toString('base64'), 'vault key number 1 must be base64 of 32 bytes, not of 16'],
    [`${key} hunter2!`, 'vault key number 2 must be base64 of 32 bytes'],
  ])('%j is refused without being repeated', (text, message) => {
    expect(() => KeyRing.parse(text)).toThrow(message);
    expect(() => KeyRing.parse(text)).not.toThrow(/hunter2/);
  });

  test('prints ids, never keys', () => {
    const ring = KeyRing.parse(key);
    const shown = [
      inspect(ring, { depth: 9, showHidden: true }),
      JSON.stringify({ ring }),
      `${ring.toJSON()}`,
    ];
    for (const text of shown) {
      expect(text).toContain(ring.currentId);
      expect(text).not.toContain(key.slice(0, 8));
    }
  });

  test('a key serves one purpose: what is sealed for one does not open for another', () => {
    const ring = KeyRing.parse(key);
    const sealed = ring.seal('vault', Buffer.from('x'), 'name');
    expect(() => ring.open('tokens', sealed, 'name', 'it')).toThrow('was changed');
  });

  test('a fingerprint distinguishes other credentials and depends on the key', () => {
    const ring = KeyRing.parse(key);
    expect(ring.fingerprint(['a', 'b'])).toBe(KeyRing.parse(key).fingerprint(['a', 'b']));
    expect(ring.fingerprint(['a', 'b'])).not.toBe(ring.fingerprint(['ab', '']));
    expect(ring.fingerprint(['a', 'b'])).not.toBe(KeyRing.parse(generateKey()).fingerprint(['a', 'b']));
  });
});
