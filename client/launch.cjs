/** Runs the command line's bundle, and loads that of further packages when one is needed. */
const { load } = require('./load-bundle.cjs');

let packages;
const requireFromBundle = (id) => {
  if (id !== 'sluice-packages') return require(id);
  packages ??= load('packages.cjs', require);
  return packages;
};

load('sluice.cjs', Object.assign(requireFromBundle, require));
