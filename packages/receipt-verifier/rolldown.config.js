// Builds the library as every package is built, and the command beside it.
import library from '../rolldown.config.js';

const command = {
  input: 'src/cli.ts',
  logLevel: 'warn',
  platform: 'node',
  transform: library.transform,
  external: library.external,
  output: { dir: 'dist' },
};

export default [library, command];
