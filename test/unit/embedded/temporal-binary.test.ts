import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  compareVersions,
  type FindTemporalOptions,
  findTemporalBinary,
  parseVersions,
  sameSchema,
  TEMPORAL_VERSION,
} from '../../../embedded/temporal/binary';
import { checksumOf, downloadUrl } from '../../../embedded/temporal/install';
import { temporaryFolder } from '../../support/stacks/embedded';

/** A program that answers `--version` as the Temporal CLI does. */
function fakeCli(folder: string, version = TEMPORAL_VERSION, server = '1.31.2'): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'temporal');
  writeFileSync(path, `#!/bin/sh\necho 'temporal version ${version} (Server ${server}, UI 2.50.1)'\n`, {
    mode: 0o755,
  });
  return path;
}

/** A machine of one's own: an empty cache, nothing on PATH but what is put into `bin`. */
class Machine {
  readonly bin = temporaryFolder('bin');
  readonly cache = temporaryFolder('cache');
  readonly said: string[] = [];
  mirror = 'http://127.0.0.1:9/';
  /** SHA-256 of what the mirror is to serve. */
  checksum = '';
  extra: NodeJS.ProcessEnv = {};

  get cached(): string {
    return join(this.cache, 'sluice', 'temporal', TEMPORAL_VERSION, 'temporal');
  }

  /** Lets the mirror serve these bytes, and gives their checksum. */
  async serve(bytes: Buffer, onRequest: () => void = () => undefined): Promise<void> {
    this.checksum = createHash('sha256').update(bytes).digest('hex');
    this.mirror = await serve((_request, response) => {
      onRequest();
      response.end(bytes);
    });
  }

  find(options: Pick<FindTemporalOptions, 'writtenBy'> = {}): ReturnType<typeof findTemporalBinary> {
    const env = {
      PATH: this.bin,
      XDG_CACHE_HOME: this.cache,
      SLUICE_TEMPORAL_DOWNLOAD_URL: this.mirror,
      SLUICE_TEMPORAL_DOWNLOAD_SHA256: this.checksum,
      ...this.extra,
    };
    return findTemporalBinary({ env, log: (line) => this.said.push(line), ...options });
  }

  /** A `go` that runs `build` (with `$out` set to the wanted file) when asked to build. */
  installGo(build: string): void {
    const script = [
      '#!/bin/sh',
      'PATH=/usr/bin:/bin',
      'if [ "$1" = env ]; then echo go1.99.0; exit 0; fi',
      'while [ "$1" != -o ]; do shift; done; out="$2"',
      build,
    ];
    writeFileSync(join(this.bin, 'go'), `${script.join('\n')}\n`, { mode: 0o755 });
  }
}

const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

afterAll(() => {
  for (const server of servers) server.close();
});

function archive(version = TEMPORAL_VERSION): Buffer {
  const folder = temporaryFolder('archive');
  fakeCli(folder, version);
  execFileSync('tar', ['-czf', join(folder, 'a.tar.gz'), '-C', folder, 'temporal']);
  return readFileSync(join(folder, 'a.tar.gz'));
}

describe('what counts as a Temporal CLI', () => {
  test('its version line is read, others are not', () => {
    expect(parseVersions('temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)')).toEqual({
      version: '1.8.2',
      serverVersion: '1.31.2',
    });
    expect(parseVersions('temporal version DEV')).toBeNull();
  });

  test('versions compare as numbers', () => {
    expect(compareVersions('1.10.0', '1.9.9')).toBeGreaterThan(0);
    expect(compareVersions('1.8.2', '1.8.2')).toBe(0);
    expect(sameSchema('1.31.2', '1.31.9')).toBe(true);
    expect(sameSchema('1.31.2', '1.32.0')).toBe(false);
  });

  test('the archive of the release is downloaded by the name that its checksum is listed under', () => {
    expect(downloadUrl(TEMPORAL_VERSION, {})).toMatch(
      /^https:\/\/github\.com\/temporalio\/cli\/releases\/download\/v([\d.]+)\/temporal_cli_\1_[a-z0-9]+_(amd|arm)64\.tar\.gz$/,
    );
    expect(checksumOf(TEMPORAL_VERSION, {})).toMatch(/^[0-9a-f]{64}$/);
    expect(checksumOf('1.8.99', {})).toBeNull();
  });
});

describe('where a Temporal CLI comes from', () => {
  test('SLUICE_TEMPORAL_BIN comes first', async () => {
    const machine = new Machine();
    fakeCli(machine.bin);
    const path = fakeCli(temporaryFolder(), '1.8.1');
    machine.extra = { SLUICE_TEMPORAL_BIN: path };
    expect(await machine.find()).toEqual({ path, source: 'env', version: '1.8.1', serverVersion: '1.31.2' });
  });

  test('SLUICE_TEMPORAL_BIN that cannot be used is an error, not passed over', async () => {
    const machine = new Machine();
    fakeCli(machine.bin);
    machine.extra = { SLUICE_TEMPORAL_BIN: '/nowhere/temporal' };
    await expect(machine.find()).rejects.toMatchObject({
      code: 'BINARY_BROKEN',
      message: 'SLUICE_TEMPORAL_BIN=/nowhere/temporal cannot be used: /nowhere/temporal does not exist.',
    });
  });

  test('then PATH, then the cache', async () => {
    const machine = new Machine();
    fakeCli(join(machine.cached, '..'));
    expect(await machine.find()).toMatchObject({ source: 'cache', path: machine.cached });
    const path = fakeCli(machine.bin);
    expect(await machine.find()).toMatchObject({ source: 'path', path });
  });

  test('one on PATH that is too old is passed over, with a message', async () => {
    const machine = new Machine();
    fakeCli(machine.bin, '1.1.0', '1.25.0');
    fakeCli(join(machine.cached, '..'));
    expect(await machine.find()).toMatchObject({ source: 'cache' });
    expect(machine.said.join('\n')).toContain('it is version 1.1.0, older than');
  });

  test('one that cannot read the database file is passed over', async () => {
    const machine = new Machine();
    fakeCli(machine.bin, '1.9.0', '1.32.0');
    fakeCli(join(machine.cached, '..'));
    expect(await machine.find({ writtenBy: '1.31.0' })).toMatchObject({ source: 'cache' });
    expect(await machine.find({ writtenBy: '1.32.5' })).toMatchObject({ source: 'path' });
  });

  test('then the download, which fills the cache and leaves nothing else behind', async () => {
    const machine = new Machine();
    await machine.serve(archive());
    expect(await machine.find()).toMatchObject({ source: 'download', path: machine.cached });
    expect(await machine.find()).toMatchObject({ source: 'cache' });
    expect(readdirSync(join(machine.cached, '..'))).toEqual(['temporal']);
  });

  test('a broken binary in the cache is reported and replaced', async () => {
    const machine = new Machine();
    fakeCli(join(machine.cached, '..'));
    writeFileSync(machine.cached, readFileSync(machine.cached).subarray(0, 12));
    await machine.serve(archive());
    expect(await machine.find()).toMatchObject({ source: 'download' });
    expect(machine.said.join('\n')).toContain('the cached binary is broken');
  });

  test('two processes that need it at once fetch it once', async () => {
    const machine = new Machine();
    let requests = 0;
    await machine.serve(archive(), () => {
      requests += 1;
    });
    const found = await Promise.all([machine.find(), machine.find(), machine.find()]);
    expect(found.map(({ source }) => source).sort()).toEqual(['cache', 'cache', 'download']);
    expect(requests).toBe(1);
  });

  test('a download that breaks off is not used; the build follows', async () => {
    const machine = new Machine();
    const whole = archive();
    await machine.serve(whole.subarray(0, whole.length / 2));
    machine.installGo(
      `printf '#!/bin/sh\\necho "temporal version ${TEMPORAL_VERSION} (Server 1.31.2, UI 2.50.1)"\\n' > "$out"`,
    );
    expect(await machine.find()).toMatchObject({ source: 'build', path: machine.cached });
    expect(machine.said.join('\n')).toContain('cannot be unpacked');
    expect(readdirSync(join(machine.cached, '..'))).toEqual(['temporal']);
  });

  test.each([
    ['another checksum', 'a'.repeat(64), /its SHA-256 is [0-9a-f]{64}, and not a{64}: it is not used/],
    [
      'no checksum but the listed one',
      '',
      /its SHA-256 is [0-9a-f]{64}, and not [0-9a-f]{64}: it is not used/,
    ],
    ['nonsense for a checksum', 'abc', /must be 64 hexadecimal digits/],
  ])('a download with %s is not used', async (_, checksum, why) => {
    const machine = new Machine();
    await machine.serve(archive());
    machine.checksum = checksum;
    await expect(machine.find()).rejects.toThrow(why);
    expect(existsSync(machine.cached)).toBe(false);
  });

  test('the build gets the module files of the wrapper, writable', async () => {
    const machine = new Machine();
    machine.installGo('test -w go.mod && test -w go.sum && cp go.mod "$out"');
    // The copied go.mod is no program, so the build is refused after it was made.
    await expect(machine.find()).rejects.toThrow(/build with Go: .*does not run/);
    expect(existsSync(machine.cached)).toBe(false);
  });

  test('when nothing works, one message names every attempt and what to install', async () => {
    const machine = new Machine();
    machine.mirror = await serve((_request, response) => response.writeHead(503).end());
    machine.checksum = 'a'.repeat(64);
    machine.installGo('echo "first line"; echo "go: no such module" >&2; exit 1');
    const failure = await machine.find().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'BINARY_MISSING' });
    const message = String(failure);
    for (const part of [
      'SLUICE_TEMPORAL_BIN: not set',
      '"temporal" on PATH: not there',
      `cache ${machine.cached}: empty`,
      'official download: ',
      'answered 503',
      'build with Go: go build ended with 1',
      'go: no such module',
      'install one of',
      'TEMPORAL_ADDRESS',
    ]) {
      expect(message).toContain(part);
    }
  });

  test('without Go and without a network the message says so at once', async () => {
    const machine = new Machine();
    machine.checksum = 'a'.repeat(64);
    await expect(machine.find()).rejects.toThrow(/cannot be reached[\s\S]*there is no "go" on PATH/);
  });
});
