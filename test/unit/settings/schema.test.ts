import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { parseSettings, settingsJsonSchema } from '../../../settings';

const ROOT = join(__dirname, '..', '..', '..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');
const published: object = JSON.parse(read('sluice.schema.json'));
const example = read('sluice.example.yaml');

const ajv = addFormats(new Ajv({ allErrors: true, strict: false }));
const validate = ajv.compile(published);

describe('sluice.schema.json', () => {
  test('is up to date (else run: node scripts/schema.mjs)', () => {
    expect(published).toEqual(JSON.parse(JSON.stringify(settingsJsonSchema())));
  });

  test('accepts the example and a minimal file', () => {
    expect([validate(parse(example)), validate.errors]).toEqual([true, null]);
    expect(validate({})).toBe(true);
  });

  test.each([
    [{ acounts: {} }],
    [{ accounts: { main: { vendor: 'nobody' } } }],
    [{ temporal: { apiKey: 'a literal secret' } }],
    [{ log: { level: 'loud' } }],
    [{ datasets: [{ dataset: 'amazon/rt-sales', account: 'main', chunkHours: 'soon' }] }],
  ])('refuses %j, as the loader does', (settings) => {
    expect(validate(settings)).toBe(false);
    const text = JSON.stringify(settings);
    expect(() => parseSettings(text, { file: null, baseDir: '/', env: {} })).toThrow();
  });

  test('describes every key that the environment or a person may set', () => {
    const text = JSON.stringify(published);
    for (const name of ['CHUNK_HOURS', 'SAFE_MINUTES_LAG', 'QUOTA_COOLDOWN_MINUTES', 'DATABASE_URL']) {
      expect(text).toContain(name);
    }
  });
});

describe('sluice.example.yaml', () => {
  test('loads as it is, with nothing but the defaults of its own references', () => {
    const settings = parseSettings(example, { file: null, baseDir: ROOT, env: {} });
    expect(Object.keys(settings.accounts)).toEqual(['main', 'texts', 'fleet', 'car', 'app']);
    expect(settings.datasets.map(({ dataset }) => dataset)).toEqual([
      'amazon/rt-sales',
      'gps51/positions',
      'gps51/trips',
      'gps51/tracks',
    ]);
  });

  test('loads with its commented lines switched on', () => {
    const everything = example.replace(/^(\s*)# (\s*[A-Za-z]+:( .*)?)$/gm, '$1$2');
    const env = { TEMPORAL_API_KEY: 'k', SLUICE_VAULT_KEY: 'k' };
    const text = everything.replace('enabled: false\n    caFile', 'enabled: true\n    caFile');
    const settings = parseSettings(text, { file: null, baseDir: '/etc', env });
    expect(settings.temporal.tls.certFile).toBe('/etc/certs/client.pem');
    expect(settings.temporal.apiKey).toBe('env:TEMPORAL_API_KEY');
    expect(settings.accounts.main?.limits?.createReport?.burst).toBe(15);
    expect(settings.accounts.fleet?.limits?.['ip-per-minute']?.count).toBe(60);
  });
});
