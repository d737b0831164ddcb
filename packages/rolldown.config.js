// Builds the package in whose folder it is run: one ES module, and one file of its types.
import { readFileSync } from 'node:fs';
import { dts } from 'rolldown-plugin-dts';

const { dependencies = {} } = JSON.parse(readFileSync('package.json', 'utf8'));

export default {
  input: 'src/index.ts',
  logLevel: 'warn',
  // Nothing is taken for granted but the language: the exam client runs in browsers, the SDK on Node 18.
  platform: 'neutral',
  transform: { target: 'es2022' },
  external: [/^node:/, ...Object.keys(dependencies)],
  plugins: [dts({ generator: 'oxc' })],
  output: { dir: 'dist', cleanDir: true, sourcemap: true },
};
