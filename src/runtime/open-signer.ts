// The signer of the settings: the keys of SIGNING_KEYS_FILE, or with the embedded store one that is made in DATA_DIR.
import { createSigner, type Signer } from '../bucket/signer.ts';
import type { Settings } from '../config.ts';
import { readOrCreateSecret } from './secret-file.ts';
import { publicPart } from './signing-keys.ts';

function unlessFull(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOSPC') throw error;
}

/** Undefined: this service signs nothing. @throws Error when the key in DATA_DIR cannot be read or written */
export async function openSigner({ signingKeys, s3, dataDir }: Settings): Promise<Signer | undefined> {
  if (signingKeys) return createSigner(signingKeys);
  if (s3) return undefined;
  const d = await readOrCreateSecret(dataDir, 'signing-key').catch(unlessFull);
  // Deletions go first: they do not wait for room on the disk.
  return d === undefined ? undefined : createSigner([{ kty: 'OKP', crv: 'Ed25519', x: publicPart(d), d }]);
}
