/** @type {import('jest').Config} */
module.exports = {
  // Packages are loaded once for all files of a worker.
  testEnvironment: '<rootDir>/test/support/run/environment.cjs',
  runtime: '<rootDir>/test/support/run/runtime.cjs',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  // A dynamic import names the compiled file.
  moduleNameMapper: {
    '^(\\.{1,2}/.+/index)\\.js$': '$1',
    '^((?:\\.\\./)+temporal/.+|\\./temporal-silence)\\.js$': '$1',
  },
  globalSetup: '<rootDir>/test/support/run/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/run/global-teardown.ts',
  testSequencer: '<rootDir>/test/support/run/sequencer.cjs',
  // A bound for what hangs, not for what is slow: a busy machine takes many times as long as a quiet one.
  testTimeout: 300_000,
  // Most tests wait more than they compute: six keep two processors busy.
  maxWorkers: 6,
  coverageThreshold: {
    './quota/': { statements: 95, branches: 93, functions: 95, lines: 95 },
    './vendors/': { statements: 90, branches: 80, functions: 90, lines: 90 },
  },
  collectCoverageFrom: ['quota/**/*.ts', 'vendors/**/*.ts'],
};
