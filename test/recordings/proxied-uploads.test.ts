// Who may send through the service, and who has to give way.
import { expect, test } from '@jest/globals';
import { ProxiedUploads, type UploadTurn } from '../../src/recordings/proxied-uploads.ts';

/** Of eight a caller has four and a tenant six. */
const MAX = 8;

function startUploads() {
  const uploads = new ProxiedUploads({ max: MAX });
  const ends: (() => void)[] = [];
  /** Rejects, or resolves with the turn once the upload has begun. */
  const begin = (tenant: string, caller: string, file?: string) =>
    new Promise<UploadTurn>((resolve, reject) => {
      const { promise, resolve: end } = Promise.withResolvers<void>();
      const uploader = { tenant, caller, ...(file !== undefined && { file }) };
      uploads
        .run(uploader, (turn) => {
          ends.push(end);
          resolve(turn);
          return promise;
        })
        .catch(reject);
    });
  const fill = async (tenant: string, count: number) => {
    const turns = [];
    for (let index = 0; index < count; index += 1) turns.push(await begin(tenant, `${tenant}-${index}`));
    return turns;
  };
  return { begin, fill, endFirst: () => ends.shift()?.() };
}

const busy = (detail: RegExp) => ({ code: 'uploads-busy', message: expect.stringMatching(detail) });

test('a tenant that is full keeps its own out and no other, and gives way to its own', async () => {
  const { begin, fill, endFirst } = startUploads();
  const turns = await fill('acme', 6);
  const neighbour = await begin('other', 'one');
  await expect(begin('acme', 'late')).rejects.toMatchObject(busy(/^6 uploads of your tenant/));
  expect(turns.map((turn) => turn.keptOthersOut())).toEqual(turns.map(() => true));
  expect(neighbour.keptOthersOut()).toBe(false);
  // It is asked about the time since it was asked last.
  expect(turns[0]?.keptOthersOut()).toBe(false);
  endFirst();
  await new Promise(setImmediate);
  await begin('acme', 'late');
});

test('a caller that is full keeps nobody out but itself', async () => {
  const { begin } = startUploads();
  const turns = [];
  for (let count = 0; count < 4; count += 1) turns.push(await begin('acme', 'one'));
  await expect(begin('acme', 'one')).rejects.toMatchObject(busy(/^4 uploads with this token/));
  expect(turns.map((turn) => turn.keptOthersOut())).toEqual([false, false, false, false]);
  await begin('acme', 'two');
});

test('a process that is full asks everybody to give way', async () => {
  const { begin, fill } = startUploads();
  const turns = [...(await fill('acme', 6)), ...(await fill('other', 2))];
  await expect(begin('third', 'one')).rejects.toMatchObject(busy(/^8 uploads pass/));
  expect(turns.every((turn) => turn.keptOthersOut())).toBe(true);
});

test('one file of a recording comes at a time', async () => {
  const { begin, endFirst } = startUploads();
  await begin('acme', 'one', 'recording');
  await expect(begin('acme', 'two', 'recording')).rejects.toMatchObject(busy(/sending a file for this recording/));
  await begin('acme', 'two', 'another');
  endFirst();
  await new Promise(setImmediate);
  await begin('acme', 'two', 'recording');
});
