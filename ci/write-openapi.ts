// Writes openapi.json, the document that the service serves, so that a change of the API shows in review.
import { writeFile } from 'node:fs/promises';
import { describeApi } from '../src/http/openapi.ts';
import { OPERATIONS } from '../src/http/routes/index.ts';

await writeFile(new URL('../openapi.json', import.meta.url), `${JSON.stringify(describeApi(OPERATIONS), null, 2)}\n`);
