// node ci/unzip.ts ARCHIVE NAME TARGET: writes one file of a zip archive.
import { readFile, writeFile } from 'node:fs/promises';
import { unzipSync } from 'fflate';

const [, , archive = '', name = '', target = ''] = process.argv;
const file = unzipSync(await readFile(archive), { filter: (entry) => entry.name === name })[name];
if (!file) throw new Error(`${archive} has no ${name}`);
await writeFile(target, file);
