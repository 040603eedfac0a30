/**
 * Loads a test file's modules: ours afresh for each file, as jest does, but packages once for all files of a worker, by
 * Node itself. To load Temporal's, Postgres' and a web server's anew took longer than most files' tests.
 */
const { sep } = require('node:path');
const { compileFunction } = require('node:vm');
const { default: Runtime } = require('jest-runtime');

const PACKAGES = `${sep}node_modules${sep}`;

module.exports = class SharedPackages extends Runtime {
  constructor(...all) {
    super(...all);
    // Jest compiles for a realm of the file's own; without one named, it is this one.
    const { executor } = this;
    executor.compile = (source, filename) =>
      compileFunction(source, executor.injectedModuleParameters, { filename });
  }

  requireModule(from, name, options, actual) {
    if (name && !options?.isInternalModule && !this._resolution.isCoreModule(name)) {
      const path = this._resolution.resolveCjs(from, name);
      if (path.includes(PACKAGES)) return require(path);
    }
    return super.requireModule(from, name, options, actual);
  }
};
