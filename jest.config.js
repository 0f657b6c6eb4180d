/**
 * Tests run the TypeScript sources through swc; whatever needs a process or a worker thread of its own
 * (consumers, the writer, the service, the CLI) runs the compiled `dist`, which `npm test` builds first.
 */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  setupFiles: ['<rootDir>/test/support/patient-timers.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/support/turns.ts'],
  testTimeout: 120_000,
  maxWorkers: 2,
  // What test files leave behind in a worker adds up to gigabytes, and to a garbage collector that is always at work.
  workerIdleMemoryLimit: '1GB',
};
