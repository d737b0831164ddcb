import { tmpdir } from 'node:os';
import { join } from 'node:path';

// What the tests start as programs of their own loads in half the time.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'proctoring-recordings-compiled');
// *.external.test.ts need a store outside (TEST_S3_ENDPOINT), because they need what the embedded one does not have.
const external = process.env.TEST_S3_ENDPOINT ? [] : ['\\.external\\.test\\.ts$'];
// test/helm needs Helm and promtool: ci/chart brings both.
const helm = process.env.HELM ? [] : ['<rootDir>/test/helm/'];
// test/cluster needs a Kubernetes server that is thrown away afterwards: ci/cluster brings it.
const cluster = process.env.TEST_KUBECONFIG ? [] : ['<rootDir>/test/cluster/'];
// test/browser needs a browser (TEST_BROWSER_PATH); ci/browser brings it.
const browser = process.env.TEST_BROWSER_PATH ? [] : ['<rootDir>/test/browser/'];
// test/browser/live needs another browser, and FFmpeg, as well.
const live = process.env.TEST_OTHER_BROWSER_PATH ? [] : ['<rootDir>/test/browser/live/'];

// Tests run as native ES modules on Node 24; @swc/jest only strips the types.
export default {
  testEnvironment: 'node',
  // The packages of this repository are tested as sources, as `node --conditions=source` runs them.
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  testMatch: ['<rootDir>/test/**/*.test.ts', '<rootDir>/packages/*.test.ts', '<rootDir>/packages/*/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...external, ...helm, ...cluster, ...browser, ...live],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, sourceMaps: 'inline' }],
  },
  testTimeout: 300_000,
  // More than there are cores: much of it waits for retries and time-outs.
  maxWorkers: 4,
  collectCoverageFrom: ['src/{model,objectstore,bucket,recordings,sweeper,verifier}/**/*.ts'],
  coverageReporters: ['text', 'json-summary'],
  coverageThreshold: {
    './src/model/': { branches: 95 },
    './src/objectstore/': { branches: 95 },
    './src/bucket/': { branches: 95 },
    './src/recordings/': { branches: 95 },
    './src/sweeper/': { branches: 95 },
    './src/verifier/': { branches: 95 },
  },
};
