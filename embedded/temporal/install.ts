/** The two ways to get a Temporal CLI that is not there: the official download, and a build with Go. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { EnvHttpProxyAgent, fetch } from 'undici';
import { errorText, type Log } from '../errors';

export interface InstallOptions {
  readonly version: string;
  /** Where the binary has to end up; appears there whole, by a rename. */
  readonly target: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Throws when a binary does not run. */
  readonly verify: (path: string) => Promise<unknown>;
}

/** Short, so that a closed network is noticed before a person wonders. */
const CONNECT_TIMEOUT_MS = 8_000;
const STALL_TIMEOUT_MS = 30_000;
const PROGRESS_MS = 5_000;

const run = promisify(execFile);

/** A fresh folder beside the target: same file system, so that the rename is atomic. */
function workFolder(target: string, name: string): string {
  mkdirSync(dirname(target), { recursive: true });
  // The caller holds the install lock: any other such folder is left from an attempt that was killed.
  for (const entry of readdirSync(dirname(target))) {
    if (entry.startsWith('.work-')) rmSync(join(dirname(target), entry), { recursive: true, force: true });
  }
  const folder = join(dirname(target), `.work-${name}-${process.pid}`);
  mkdirSync(folder);
  return folder;
}

async function putInPlace(draft: string, options: InstallOptions): Promise<void> {
  chmodSync(draft, 0o755);
  await options.verify(draft);
  renameSync(draft, options.target);
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return errorText(cause);
}

function archiveName(version: string): string {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  return `temporal_cli_${version}_${process.platform}_${arch}.tar.gz`;
}

/** The release's archive, which the checksums are of; `SLUICE_TEMPORAL_DOWNLOAD_URL` names a mirror in its place. */
export function downloadUrl(version: string, env: NodeJS.ProcessEnv): string {
  if (env.SLUICE_TEMPORAL_DOWNLOAD_URL) return env.SLUICE_TEMPORAL_DOWNLOAD_URL;
  return `https://github.com/temporalio/cli/releases/download/v${version}/${archiveName(version)}`;
}

/**
 * SHA-256 of the release's archives, from its `checksums.txt` as several independent projects have pinned them. Only what
 * is listed here, or given by `SLUICE_TEMPORAL_DOWNLOAD_SHA256`, is used: without a checksum from elsewhere nobody knows
 * what was downloaded. Anything else is built from sources, which `cli/go.sum` pins.
 */
const ARCHIVES: Readonly<Record<string, string>> = {
  'temporal_cli_1.8.2_linux_amd64.tar.gz': 'd8421bda989e6514b4bdb4d63a9012a8a05a806892e881a5aad8510496349a94',
  'temporal_cli_1.8.2_linux_arm64.tar.gz': '83600a8fac6e3da54093e5da6918d399f501532b9f1172235603f9606f4ac6e4',
  'temporal_cli_1.8.2_darwin_amd64.tar.gz':
    '489d7f5420cae02b559774ac23df035141954c33a51dba96f5759a0ddccdf1b6',
  'temporal_cli_1.8.2_darwin_arm64.tar.gz':
    'dacdc3587682c04cf27e67c8878ca2d755230b6ad63c0c6ebddd7348ae90ed94',
};

/** @returns null where no checksum is known. @throws when the one that is given is none. */
export function checksumOf(version: string, env: NodeJS.ProcessEnv): string | null {
  const given = env.SLUICE_TEMPORAL_DOWNLOAD_SHA256;
  if (given !== undefined && given !== '') {
    if (/^[0-9a-f]{64}$/i.test(given)) return given.toLowerCase();
    throw new Error('SLUICE_TEMPORAL_DOWNLOAD_SHA256 must be 64 hexadecimal digits');
  }
  return ARCHIVES[archiveName(version)] ?? null;
}

/** Fetches, verifies and unpacks the official archive. Honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
export async function downloadTemporal(options: InstallOptions): Promise<void> {
  const url = downloadUrl(options.version, options.env);
  const expected = checksumOf(options.version, options.env);
  if (expected === null) {
    throw new Error(
      `no checksum of ${options.version} for ${process.platform} ${process.arch} is known; give one as SLUICE_TEMPORAL_DOWNLOAD_SHA256`,
    );
  }
  const folder = workFolder(options.target, 'download');
  const dispatcher = new EnvHttpProxyAgent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: STALL_TIMEOUT_MS,
    bodyTimeout: STALL_TIMEOUT_MS,
  });
  try {
    options.log(`Temporal: downloading ${url}`);
    const response = await fetch(url, { dispatcher }).catch((error: unknown) => {
      throw new Error(`${new URL(url).host} cannot be reached (${causeOf(error)})`);
    });
    if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
    const total = Number(response.headers.get('content-length')) || null;
    const hash = createHash('sha256');
    let received = 0;
    let reportedAt = Date.now();
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        received += chunk.length;
        hash.update(chunk);
        if (Date.now() - reportedAt >= PROGRESS_MS) {
          reportedAt = Date.now();
          const of = total === null ? '' : ` of ${(total / 1e6).toFixed(0)}`;
          options.log(`Temporal: downloading, ${(received / 1e6).toFixed(0)}${of} MB`);
        }
        done(null, chunk);
      },
    });
    const archive = join(folder, 'temporal.tar.gz');
    await pipeline(Readable.fromWeb(response.body), meter, createWriteStream(archive)).catch(
      (error: unknown) => {
        throw new Error(`the download broke off after ${(received / 1e6).toFixed(1)} MB (${causeOf(error)})`);
      },
    );
    const found = hash.digest('hex');
    if (found !== expected) throw new Error(`its SHA-256 is ${found}, and not ${expected}: it is not used`);
    await run('tar', ['-xzf', archive, '-C', folder]).catch((error: unknown) => {
      throw new Error(`the archive cannot be unpacked (${errorText(error).trim().split('\n').at(-1)})`);
    });
    const draft = join(folder, 'temporal');
    if (!existsSync(draft)) throw new Error(`the archive holds no file "temporal"`);
    await putInPlace(draft, options);
  } finally {
    await dispatcher.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Go modules named by `cli/go.mod`: a wrapper, since `go install` refuses the CLI's own `replace`. */
const WRAPPER = join(__dirname, 'cli');

async function goVersion(env: NodeJS.ProcessEnv): Promise<string> {
  try {
    return (await run('go', ['env', 'GOVERSION'], { env, cwd: '/' })).stdout.trim();
  } catch {
    throw new Error('there is no "go" on PATH');
  }
}

/** Builds the CLI from the Go module proxy: 5 to 6 minutes on 2 cores, 138 MB. */
export async function buildTemporal(options: InstallOptions): Promise<void> {
  const go = await goVersion(options.env);
  const folder = workFolder(options.target, 'build');
  try {
    for (const file of ['go.mod', 'go.sum']) {
      copyFileSync(join(WRAPPER, file), join(folder, file));
      chmodSync(join(folder, file), 0o644);
    }
    const draft = join(folder, basename(options.target));
    options.log(
      `Temporal: building ${options.version} with ${go}. This takes some minutes, once for this user.`,
    );
    const started = Date.now();
    const child = spawn(
      'go',
      [
        ...['build', '-v', '-mod=mod', '-trimpath', '-o', draft, '-ldflags'],
        `-s -w -X github.com/temporalio/cli/internal/temporalcli.Version=${options.version}`,
        'github.com/temporalio/cli/cmd/temporal',
      ],
      {
        cwd: folder,
        env: { ...options.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4_000);
    });
    const lastLines = (count: number): string => output.trim().split('\n').slice(-count).join('\n');
    const progress = setInterval(() => {
      const seconds = Math.round((Date.now() - started) / 1000);
      options.log(`Temporal: building, ${seconds} s so far: ${lastLines(1) || 'starting'}`);
    }, PROGRESS_MS);
    try {
      const code = await new Promise<number | null>((done, fail) => {
        child.once('error', fail);
        child.once('close', done);
      });
      if (code !== 0) throw new Error(`go build ended with ${code}:\n${lastLines(5)}`);
    } finally {
      clearInterval(progress);
    }
    await putInPlace(draft, options);
    options.log(`Temporal: built in ${Math.round((Date.now() - started) / 1000)} s.`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
