// `proof`: a tenant's receipts and their log as one document on stdout.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Env, SettingsError } from '../config.ts';
import { isId } from '../model/ids.ts';
import { proofFile } from '../recordings/proof.ts';
import { readingContext } from './contexts.ts';
import { onStore } from './store.ts';

/** @throws SettingsError; ServiceError `log-unreadable`; StoreError. A document that was cut off is no JSON. */
export function proofCommand({ tenant }: { readonly tenant: string }, env: Env): Promise<number> {
  if (!isId(tenant)) throw new SettingsError('--tenant is not a valid id');
  return onStore(env, async ({ settings, opened }) => {
    const chunks = Readable.from(proofFile(readingContext(settings, opened), tenant));
    await pipeline(chunks, process.stdout, { end: false });
    return 0;
  });
}
