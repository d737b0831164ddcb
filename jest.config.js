// Tests run as native ES modules on Node 24; @swc/jest only strips the types.
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, sourceMaps: 'inline' }],
  },
  testTimeout: 30_000,
  collectCoverageFrom: ['src/domain/**/*.ts', 'src/storage/**/*.ts', 'src/retention/**/*.ts'],
  coverageReporters: ['text', 'json-summary'],
  coverageThreshold: {
    './src/domain/': { branches: 95 },
    './src/storage/': { branches: 95 },
    './src/retention/': { branches: 95 },
  },
};
