/** `node -r …/register-ts.cjs file.ts`: child processes of tests run the sources as jest does, without a build. */
const Module = require('node:module');
const { transformFileSync } = require('@swc/core');

require.extensions['.ts'] = (module, filename) => {
  const { code } = transformFileSync(filename, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
  });
  module._compile(code, filename);
};

// Sources that are imported when they are needed are named as they will be built: `./x.js` is `./x.ts` here.
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) => {
  try {
    return resolve(request, ...rest);
  } catch (error) {
    if (!request.startsWith('.') || !request.endsWith('.js')) throw error;
    return resolve(request.replace(/\.js$/, '.ts'), ...rest);
  }
};
