// Builds the package as every package is built, with what it uses of the exam client in it.
import library from '../rolldown.config.js';

export default [library].flat().map((one) => ({ ...one, resolve: { conditionNames: ['source'] } }));
