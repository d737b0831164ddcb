// Which program this is, for `--version`, the log and reports.
import { existsSync, readFileSync } from 'node:fs';

const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};
/** Written by the build of a release or an image, beside the compiled code. */
const REVISION_FILE = new URL('../revision', import.meta.url);

export const NAME = name;
export const VERSION = version;
/** The commit it was built from; undefined when the build did not record it. */
export const REVISION = existsSync(REVISION_FILE) ? readFileSync(REVISION_FILE, 'utf8').trim() || undefined : undefined;

/** One line: the name, the version and, if it is known, the revision. */
export const versionLine = (): string => `${NAME} ${VERSION}${REVISION === undefined ? '' : ` (revision ${REVISION})`}`;
