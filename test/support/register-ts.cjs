/**
 * `node -r …/register-ts.cjs file.ts`: child processes of tests run the sources as jest does, without a build. What a
 * source becomes is kept beside the dependencies, for a test run starts some hundred processes of the same sources.
 */
const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');
const { transformSync, version } = require('@swc/core');

const OPTIONS = {
  jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
};
const CACHE = join(__dirname, '..', '..', 'node_modules', '.cache', 'sluice-test-sources');
mkdirSync(CACHE, { recursive: true });

function transformed(filename) {
  const source = readFileSync(filename, 'utf8');
  const key = createHash('sha256')
    .update(JSON.stringify([version, OPTIONS, filename, source]))
    .digest('hex');
  const file = join(CACHE, `${key}.js`);
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const { code } = transformSync(source, { ...OPTIONS, filename });
    // Whole or not at all: other processes are starting at the same time.
    const unfinished = `${file}.${process.pid}`;
    writeFileSync(unfinished, code);
    renameSync(unfinished, file);
    return code;
  }
}

require.extensions['.ts'] = (module, filename) => module._compile(transformed(filename), filename);

// Sources that are imported when they are needed are named as they will be built: `./x.js` is `./x.ts` here.
const resolve = Module._resolveFilename;
Module._resolveFilename = function resolveSource(request, ...rest) {
  try {
    return resolve.call(this, request, ...rest);
  } catch (error) {
    if (!request.startsWith('.') || !request.endsWith('.js')) throw error;
    return resolve.call(this, request.replace(/\.js$/, '.ts'), ...rest);
  }
};
