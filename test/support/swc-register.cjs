/** `node -r …/swc-register.cjs file.ts`: runs TypeScript in a child process, for tests that kill one. */
const { readFileSync } = require('node:fs');
const { transformSync } = require('@swc/core');

require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    sourceMaps: 'inline',
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  module._compile(code, filename);
};

// Sources name what they load later as it is called once built.
const Module = require('node:module');
const resolveBuilt = Module._resolveFilename;
Module._resolveFilename = function resolveSource(request, ...rest) {
  try {
    return resolveBuilt.call(this, request, ...rest);
  } catch (error) {
    if (!/^\..*\.js$/.test(request)) throw error;
    return resolveBuilt.call(this, request.replace(/\.js$/, '.ts'), ...rest);
  }
};
