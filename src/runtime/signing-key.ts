// `signing-key`: makes a key that signs receipts, also one that replaces another.
import { SettingsError } from '../config.ts';
import { newSigningKeys, readReplacedKeys } from './signing-keys.ts';

/** Writes the content of SIGNING_KEYS_FILE to stdout. It holds a private key. @throws SettingsError for a bad `--replace` */
export async function signingKeyCommand({ replace }: { readonly replace?: string | undefined }): Promise<number> {
  process.stdout.write(
    `${JSON.stringify(await newSigningKeys(replace === undefined ? [] : read(replace)), null, 2)}\n`,
  );
  return 0;
}

function read(path: string) {
  try {
    return readReplacedKeys(path);
  } catch (error) {
    throw new SettingsError(`--replace: ${(error as Error).message}`);
  }
}
