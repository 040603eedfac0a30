import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2019 from 'ajv/dist/2019';
import { parse } from 'yaml';
import { ENVIRONMENT } from '../../../settings/environment';

const ROOT = join(__dirname, '..', '..', '..');
const { SOURCE_FOLDERS } = require('../../../scripts/checkout.cjs') as { SOURCE_FOLDERS: readonly string[] };
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');

interface Service {
  readonly image: string;
  readonly restart?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly command?: readonly string[];
  readonly healthcheck?: object;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const text = read('docker-compose.yml');
const compose: Compose = parse(text, { merge: true });
const services = Object.entries(compose.services);
const isOneShot = ({ restart }: Service) => restart?.startsWith('on-failure') === true;

/** Variables of .env.example, also those that are commented out, with their example values. */
const example = new Map(
  [...read('.env.example').matchAll(/^#?([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name = '', value = '']) => [
    name,
    value,
  ]),
);
const VARIABLE = /\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}/g;

/** What `docker compose` does before it validates: values from the environment, numbers where text became one. */
function interpolate(value: unknown, env: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') {
    const filled = value.replace(
      VARIABLE,
      (_, name: string, kind: string | undefined, rest: string | undefined) => {
        const given = env.get(name);
        if (given) return given;
        if (kind === '?') throw new Error(`${name}: ${rest}`);
        return rest ?? '';
      },
    );
    return filled !== value && /^\d+$/.test(filled) ? Number(filled) : filled;
  }
  if (Array.isArray(value)) return value.map((entry) => interpolate(entry, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, interpolate(entry, env)]));
}

const filledIn = new Map([...example].map(([name, value]) => [name, value || 'x']));

describe('docker-compose.yml', () => {
  const schema: object = JSON.parse(
    read('test', 'fixtures', 'compose-spec', 'compose-spec.json'),
    (key, value) =>
      // Keywords of older drafts that this validator rejects; `id` as the name of a property is a map.
      (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  );
  const validate = new Ajv2019({ allErrors: true, strict: false, validateFormats: false }).compile(schema);

  test('is valid by the Compose specification', () => {
    expect([validate(interpolate(compose, filledIn)), validate.errors]).toEqual([true, null]);
    expect(validate({ services: { x: { imagee: 'y' } } })).toBe(false);
  });

  test('has Postgres, Temporal, its UI, the migration and the workers', () => {
    expect(Object.keys(compose.services)).toEqual(
      expect.arrayContaining(['postgres', 'temporal', 'temporal-ui', 'migrate', 'worker']),
    );
  });

  test('holds no secret: each comes from the environment', () => {
    const secrets = services.flatMap(([name, { environment = {} }]) =>
      Object.entries(environment)
        .filter(([key]) => /PASSWORD|PWD|SECRET|TOKEN|KEY|CLIENT_ID/.test(key))
        .map(([key, value]) => ({ where: `${name}.${key}`, value })),
    );
    expect(secrets.length).toBeGreaterThan(8);
    for (const secret of secrets) {
      expect(secret).toEqual({ ...secret, value: expect.stringMatching(/^\$\{[A-Z0-9_]+:[-?][^}]*\}$/) });
    }
    expect(text).not.toMatch(/:\/\/\w+:(?!\$\{)[^@\s]+@/);
  });

  test('asks for every password and key that is not set, by name', () => {
    for (const name of [
      'POSTGRES_PASSWORD',
      'SLUICE_DB_PASSWORD',
      'TEMPORAL_DB_PASSWORD',
      'SLUICE_VAULT_KEY',
    ]) {
      const without = new Map([...filledIn].filter(([key]) => key !== name));
      expect(() => interpolate(compose, without)).toThrow(`${name}: set it in .env`);
    }
  });

  test('.env.example names all variables and no others, and sets no password', () => {
    const used = new Set([...text.matchAll(VARIABLE)].map(([, name]) => name));
    expect([...example.keys()].sort()).toEqual([...used].sort());
    for (const [name, value] of example) {
      if (/PASSWORD|SECRET|TOKEN|VAULT_KEY|CLIENT_ID/.test(name)) expect(`${name}=${value}`).toBe(`${name}=`);
    }
  });

  test('binds every port to the loopback address', () => {
    const ports = services.flatMap(([, { ports = [] }]) => ports);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test('pins every image to a version', () => {
    for (const [, { image }] of services) expect(image).toMatch(/^[a-z/-]+:(\d[\w.-]*|local)$/);
  });

  test('everything that keeps running has a health check and is started again', () => {
    for (const [name, service] of services.filter(([, s]) => !isOneShot(s))) {
      expect([name, service.restart, service.healthcheck !== undefined]).toEqual([
        name,
        'unless-stopped',
        true,
      ]);
    }
  });

  test('waits for servers to be healthy and for one-shots to have succeeded', () => {
    for (const [name, { depends_on = {} }] of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const service = compose.services[other];
        const expected = service && isOneShot(service) ? 'service_completed_successfully' : 'service_healthy';
        expect([name, other, service !== undefined, condition]).toEqual([name, other, true, expected]);
      }
    }
  });

  test('mounts files that are there, and scripts that a shell can read', () => {
    const mounted = services
      .flatMap(([, { volumes = [] }]) => volumes)
      .map((volume) => volume.split(':')[0] ?? '');
    for (const source of mounted.filter((path) => path.startsWith('./'))) {
      const file = join(ROOT, source);
      expect([source, existsSync(file)]).toEqual([source, true]);
      if (!source.endsWith('.sh')) continue;
      accessSync(file, constants.X_OK);
      execFileSync('sh', ['-n', file]);
    }
    for (const name of mounted.filter((path) => !path.startsWith('./')))
      expect(compose.volumes).toHaveProperty(name);
  });

  test('runs programs that exist and passes variables that the settings know', () => {
    for (const name of ['migrate', 'worker']) {
      const program = compose.services[name]?.command?.[1] ?? '';
      expect(existsSync(join(ROOT, program.replace(/^dist\//, '').replace(/\.js$/, '.ts')))).toBe(true);
    }
    const ofProcess = ['SLUICE_SETTINGS', 'SLUICE_VAULT_KEY', 'SLUICE_SPOOL_DIR'];
    const known = [...ENVIRONMENT.map((variable) => variable.name), ...ofProcess];
    const passed = Object.keys(compose.services.worker?.environment ?? {});
    expect(passed.filter((name) => !name.startsWith('AMAZON_') && !known.includes(name))).toEqual([]);
  });
});

describe('Dockerfile', () => {
  const dockerfile = read('Dockerfile');
  const stages = dockerfile.split(/^FROM /m).slice(1);

  test('builds in one stage and runs in another, on a pinned Node 20, without root', () => {
    expect(stages.map((stage) => stage.split(/\s/)[0])).toEqual([
      'node:20-bookworm-slim',
      'node:20-bookworm-slim',
    ]);
    expect(stages.at(-1)).toMatch(/^USER node$/m);
    expect(stages.at(-1)).toContain('NODE_ENV=production');
  });

  test('copies what exists, and keeps secrets out of the build', () => {
    const sources = [...dockerfile.matchAll(/^COPY --from=build (.+) \S+$/gm)].flatMap(([, list = '']) =>
      list.split(' '),
    );
    const fromRepository = sources
      .map((path) => path.replace('/app/', ''))
      .filter((path) => !['node_modules', 'dist'].includes(path));
    for (const path of fromRepository) expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
    const ignored = read('.dockerignore').split('\n');
    expect(ignored.filter((line) => line !== '' && !line.startsWith('#'))[0]).toBe('*');
    expect(ignored).not.toContain('!.env');
    expect(ignored).not.toContain('!sluice.yaml');
  });

  test('the build is given every folder and file that it is made of', () => {
    const given = read('.dockerignore').split('\n');
    const needed = [
      ...SOURCE_FOLDERS,
      'bin',
      'scripts',
      'package.json',
      'package-lock.json',
      'tsconfig.build.json',
    ];
    expect(needed.filter((path) => !given.includes(`!${path}`))).toEqual([]);
  });

  test('leaves out what is optional by name of that kind, and removes nothing by hand', () => {
    expect(dockerfile).toMatch(/npm prune .*--omit=dev .*--omit=optional/);
    expect(dockerfile).not.toMatch(/\brm -/);
  });
});
