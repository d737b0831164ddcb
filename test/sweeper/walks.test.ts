// Whatever goes through many things asks the store at once what does not depend on each other: how often it waits for it.
import { describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import type { RecordingsContext } from '../../src/recordings/context.ts';
import { exportDocument } from '../../src/recordings/export.ts';
import { listParticipantRecordings, listRecordings } from '../../src/recordings/list.ts';
import { listReceipts } from '../../src/recordings/receipts.ts';
import { receiptsCsv } from '../../src/recordings/receipts-csv.ts';
import { moreRounds } from '../kit/rounds.ts';
import { CALLER } from '../kit/service.ts';
import { type RetentionService, startRetention } from './support.ts';

const PARTICIPANT = { tenant: 'acme', participant: 'p1' };

describe.each(['by-prefix', 'never'] as const)('on a store that lists open uploads %s', (listsUploads) => {
  test('a hundred abandoned uploads are recovered in little more time than one', async () => {
    const more = await moreRounds({ few: 1, many: 100 }, async (count) => {
      const service = startRetention({ memory: { listsUploads } });
      for (let at = 0; at < count; at += 1) await service.uploaded(undefined, { attempt: `a${at}` });
      service.clock.advance(3 * HOUR_MS);
      const act = async (store: ObjectStore) =>
        expect(await service.sweepOn(store)).toMatchObject({ salvaged: count, failed: 0 });
      return { store: service.store, act };
    });
    expect(more).toBeLessThanOrEqual(4);
  });
});

/** Stored recordings of one participant, and what is done with them. */
const held =
  (act: (context: RecordingsContext, service: RetentionService) => Promise<unknown>) => async (count: number) => {
    const service = startRetention({ signer: null });
    await service.seed(count, 'math', DAY_MS);
    return { store: service.store, act: (store: ObjectStore) => act({ ...service.context, store }, service) };
  };

/** Receipts, each of a deletion on request. */
const receipts =
  (act: (context: RecordingsContext, service: RetentionService) => Promise<unknown>) => async (count: number) => {
    const service = startRetention({ signer: null });
    for (const ref of await service.seed(count, 'math', DAY_MS)) await service.erase(ref);
    return { store: service.store, act: (store: ObjectStore) => act({ ...service.context, store }, service) };
  };

test.each<[string, { few: number; many: number }, (count: number) => ReturnType<ReturnType<typeof held>>, number]>([
  [
    'the recordings of an exam',
    { few: 1, many: 60 },
    held((context) => listRecordings(context, { tenant: 'acme', exam: 'math' }, { limit: 100 })),
    2,
  ],
  [
    'the recordings of a participant',
    { few: 1, many: 60 },
    held((context) => listParticipantRecordings(context, PARTICIPANT, { limit: 100 })),
    2,
  ],
  [
    'an export',
    { few: 8, many: 40 },
    held((context) => Array.fromAsync(exportDocument(context, CALLER, PARTICIPANT, { includeRestricted: true }))),
    10,
  ],
  [
    'the receipts of a participant',
    { few: 1, many: 60 },
    receipts((context) => listReceipts(context, { tenant: 'acme' }, { limit: 3, participantId: 'p2' })),
    2,
  ],
  [
    'receipts as CSV',
    { few: 1, many: 100 },
    receipts((context) => Array.fromAsync(receiptsCsv(context, { tenant: 'acme' }, {}, { namesUnreadable: true }))),
    2,
  ],
  [
    'verify, of receipts and audit events',
    { few: 1, many: 100 },
    receipts((context, service) => service.verifyOn(context.store)),
    20,
  ],
  [
    'a sweep that expires receipts and audit events',
    { few: 1, many: 100 },
    receipts((context, service) => service.after(400 * DAY_MS).sweepOn(context.store)),
    60,
  ],
])('%s: many take little more time than few', async (_, counts, prepare, most) => {
  expect(await moreRounds(counts, prepare)).toBeLessThanOrEqual(most);
});
