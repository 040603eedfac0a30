/**
 * Runs the command line's bundle, with what V8 made of it in an earlier run: compiling takes half of a short command's
 * time. What was stored by another version of Node, or for another bundle, is passed over and made again.
 */
const { readFileSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { wrap } = require('node:module');
const { dirname, join } = require('node:path');
const { constants, Script } = require('node:vm');

const file = join(__dirname, '..', 'sluice.cjs');
const { mtimeMs, size } = statSync(file);
// Whole seconds: an image keeps no finer times.
const cache = `${file}.${process.versions.v8}-${Math.floor(mtimeMs / 1000)}-${size}.cache`;

function readCache() {
  try {
    return readFileSync(cache);
  } catch {
    return undefined;
  }
}

/** Whole or not at all, and only where the folder is ours to write. */
function writeCache(script) {
  const unfinished = `${cache}.${process.pid}`;
  try {
    writeFileSync(unfinished, script.createCachedData());
    renameSync(unfinished, cache);
  } catch {
    rmSync(unfinished, { force: true });
  }
}

const cachedData = readCache();
// The bundle is ASCII, and V8 takes bytes as they are.
const script = new Script(wrap(readFileSync(file, 'latin1')), {
  filename: file,
  ...(cachedData === undefined ? {} : { cachedData }),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
if (cachedData === undefined || script.cachedDataRejected) process.once('exit', () => writeCache(script));
script.runInThisContext()(exports, require, module, file, dirname(file));
