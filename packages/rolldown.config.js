// Builds the package in whose folder it is run: one ES module, one file of its types, and the same for `require` where its
// manifest names them.
import { copyFileSync, readFileSync } from 'node:fs';
import { dts } from 'rolldown-plugin-dts';

const { dependencies = {}, exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const isMinified = process.argv.includes('--minify');

const module = {
  input: 'src/index.ts',
  logLevel: 'warn',
  // Nothing is taken for granted but the language: the exam client runs in browsers, the SDK on Node 18.
  platform: 'neutral',
  transform: { target: 'es2022' },
  external: [/^node:/, ...Object.keys(dependencies)],
  plugins: [dts({ generator: 'oxc' })],
  // Code that can be read needs no map.
  output: { dir: 'dist', cleanDir: true, sourcemap: isMinified },
};

/** TypeScript tells by the name of the file whether its types are those of a CommonJS module. */
const typesForRequire = {
  name: 'types-for-require',
  writeBundle: () => copyFileSync('dist/index.d.ts', 'dist/index.d.cts'),
};

const commonJs = {
  ...module,
  plugins: [typesForRequire],
  output: { dir: 'dist', format: 'cjs', entryFileNames: '[name].cjs' },
};

export default exports['.'].require ? [module, commonJs] : module;
