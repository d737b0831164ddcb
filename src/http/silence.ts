// Notices that a client has stopped sending the body of its request.
import type { Request } from 'express';
import type { ProxiedUploads } from '../recordings/part-buffers.ts';

/**
 * Calls `onSilent` when no byte has arrived for `idleMs` to twice as long. A request that is paused, because the store is
 * slow, is not silent. Ends when the returned function is called.
 */
export function watchSilence(
  req: Request,
  { idleMs, every }: Pick<ProxiedUploads, 'idleMs' | 'every'>,
  onSilent: () => void,
): () => void {
  let bytesRead = -1;
  return every(idleMs, () => {
    const isSilent = req.socket.bytesRead === bytesRead && req.readableFlowing === true && !req.complete;
    bytesRead = req.socket.bytesRead;
    if (isSilent) onSilent();
  });
}
