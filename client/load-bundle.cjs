/**
 * Runs a bundle with what V8 made of it in an earlier run: compiling takes half of a short command's time. What was
 * stored by another version of Node, or for another bundle, is passed over and made again.
 */
const { readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { wrap } = require('node:module');
const { dirname, join } = require('node:path');
const { constants, Script } = require('node:vm');

function readCache(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Whole or not at all, and only where the folder is ours to write. */
function writeCache(file, script) {
  const unfinished = `${file}.${process.pid}`;
  try {
    writeFileSync(unfinished, script.createCachedData());
    renameSync(unfinished, file);
  } catch {
    rmSync(unfinished, { force: true });
  }
}

/** @returns what the bundle exports. */
function load(name, requireFrom) {
  const file = join(__dirname, '..', name);
  // Bundles are ASCII, and V8 takes such bytes as they are. The first line is a hash of the rest.
  const source = readFileSync(file, 'latin1');
  const cache = `${file}.${source.slice(2, source.indexOf('\n'))}.${process.versions.v8}.cache`;
  const cachedData = readCache(cache);
  const script = new Script(wrap(source), {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  if (cachedData === undefined || script.cachedDataRejected)
    process.once('exit', () => writeCache(cache, script));
  const bundle = { exports: {} };
  script.runInThisContext()(bundle.exports, requireFrom, bundle, file, dirname(file));
  return bundle.exports;
}

module.exports = { load };
