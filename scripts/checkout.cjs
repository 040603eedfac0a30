/**
 * What a checkout is made of, and whether its dependencies and its build are those of its sources. Every command asks
 * this first, so it takes a few milliseconds: names, sizes and times, nothing is read, and no module is loaded but
 * these two.
 */
const { existsSync, readdirSync, readFileSync, statSync } = require('node:fs');
const { dirname, join } = require('node:path');

const ROOT = dirname(__dirname);
const DIST = join(ROOT, 'dist');
/** What `sluice` runs: its bundle, see bundle.mjs. */
const COMMAND_LINE = join(DIST, 'client', 'launch.cjs');
const STAMP = join(DIST, '.build-stamp.json');

const SOURCE_FOLDERS = [
  'activities',
  'bench',
  'client',
  'embedded',
  'library',
  'quota',
  'settings',
  'store',
  'temporal',
  'types',
  'vendors',
  'workers',
  'workflows',
];
/** What decides, besides the sources, how a build comes out. */
const CONFIGS = [
  'tsconfig.json',
  'tsconfig.build.json',
  'package-lock.json',
  'scripts/bootstrap.mjs',
  'scripts/bundle.mjs',
];
/** What is wanted, and what npm has installed. */
const LOCK_FILES = ['package-lock.json', 'node_modules/.package-lock.json'];
/** As package.json's `engines` says, which is what the dependencies need. */
const OLDEST_NODE = [20, 19];

/** What is wrong with this version of Node, or null. */
function checkNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  const [wantedMajor, wantedMinor] = OLDEST_NODE;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return null;
  return (
    `This needs Node ${OLDEST_NODE.join('.')} or later; this is Node ${version} (${process.execPath}). ` +
    `Install a current one from https://nodejs.org and run the command again.`
  );
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** Files below a folder of the checkout, by their paths in it. A name without a dot is a folder's. */
function filesUnder(folder) {
  const files = [];
  const walk = (path) => {
    for (const name of readdirSync(join(ROOT, path))) {
      if (name.includes('.')) files.push(`${path}/${name}`);
      else walk(`${path}/${name}`);
    }
  };
  if (existsSync(join(ROOT, folder))) walk(folder);
  return files;
}

const sourceFiles = () => SOURCE_FOLDERS.flatMap(filesUnder).sort();

/** Names, sizes and times: enough to know that nothing was touched. */
function touched(files) {
  let all = '';
  for (const file of files) {
    const found = statSync(join(ROOT, file), { throwIfNoEntry: false });
    all += `${file} ${found?.size} ${found?.mtimeMs}\n`;
  }
  return all;
}

const readStamp = () => readJson(STAMP);
const sourcesAsTheyAre = (files) => touched([...files, ...CONFIGS]);
const locksAsTheyAre = () => touched(LOCK_FILES);

const buildIsCurrent = (stamp = readStamp()) =>
  stamp !== null && stamp.sources === sourcesAsTheyAre(sourceFiles());

/** A checkout of the sources, as against an installed package or an image that holds only dist. */
const isSourceCheckout = () =>
  existsSync(join(ROOT, 'tsconfig.build.json')) && existsSync(join(ROOT, 'client'));

/** True also where there is nothing to build. */
function checkoutIsCurrent() {
  if (!isSourceCheckout()) return true;
  const stamp = readStamp();
  return stamp !== null && stamp.dependencies === locksAsTheyAre() && buildIsCurrent(stamp);
}

module.exports = {
  buildIsCurrent,
  COMMAND_LINE,
  checkNode,
  checkoutIsCurrent,
  DIST,
  LOCK_FILES,
  locksAsTheyAre,
  ROOT,
  readJson,
  readStamp,
  SOURCE_FOLDERS,
  STAMP,
  sourceFiles,
  sourcesAsTheyAre,
};
