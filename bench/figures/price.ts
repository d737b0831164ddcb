// Figure 2: what a thousand recordings of an hour cost in requests, from their creation until their receipts are gone.
import pMap from 'p-map';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import {
  assess,
  candidateAt,
  complete,
  create,
  issuePlaybackLink,
  type Place,
  putPart,
  serverOf,
  signPart,
} from '../calls.ts';
import { type Counts, countsOf, inWords, sumOf } from '../operations.ts';
import { billOf, PRICE_LISTS } from '../prices.ts';
import { run } from '../processes.ts';
import { MAIN, startService } from '../service.ts';
import { startStoreProxy } from '../store-proxy.ts';
import type { Figure, Measurement } from './figure.ts';

/** Whose price is told. */
const RECORDINGS = 1000;
/** As many are recorded; the requests of all grow alike. */
const MEASURED = 200;
/** An hour at 332 kbit/s, the exam client's default for a webcam with sound, in parts of 5 MiB. */
const PARTS = 29;
const PART_EVERY_MS = HOUR_MS / PARTS;
/** Of a player, to show and to seek. */
const PLAYER_READS = 10;
const CONCURRENCY = 16;
const EXAM = 'price';

export const price: Figure = {
  number: 2,
  title: 'The price of the requests',
  stores: ['embedded'],
  measure: async ({ store, short, say }) => {
    const { clock } = store;
    if (!clock) throw new Error('this figure needs a store whose clock it can advance');
    await using proxy = await startStoreProxy(store);
    const count = short ? 10 : MEASURED;
    const phases: { readonly what: string; readonly counts: Counts }[] = [];
    const phase = async (what: string, act: () => Promise<unknown>): Promise<void> => {
      say(what);
      const first = proxy.seen.length;
      await act();
      phases.push({ what, counts: countsOf(proxy.seen.slice(first).map(({ operation }) => operation)) });
    };
    const sweep = () =>
      run(process.execPath, [...clock.nodeFlags, MAIN, 'sweep'], { ...process.env, ...proxy.env, ...clock.env });

    {
      await using service = await startService(proxy, { clock });
      const attempts = Array.from({ length: count }, (_, index) => ({ exam: EXAM, attempt: `a${index}` }));
      const each = <Result>(act: (at: Place) => Promise<Result>) => pMap(attempts, act, { concurrency: CONCURRENCY });
      const places = new Map<string, Required<Place>>();
      const placeOf = ({ attempt }: Place) => {
        const place = places.get(attempt);
        if (!place) throw new Error(`${attempt} was not created`);
        return place;
      };
      await phase('create', () =>
        each(async (at) => {
          places.set(at.attempt, await create(await candidateAt(service, at), at, crypto.randomUUID()));
        }),
      );
      await phase(`${PARTS} part URLs, one by one, ${Math.round(PART_EVERY_MS / 1000)} s apart`, async () => {
        for (let partNumber = PARTS; partNumber >= 1; partNumber -= 1) {
          await clock.advance(PART_EVERY_MS);
          await each(async (at) => {
            const url = await signPart(await candidateAt(service, at), placeOf(at), partNumber);
            if (partNumber === 1) await putPart(url);
          });
        }
      });
      await phase('complete', () => each(async (at) => complete(await candidateAt(service, at), placeOf(at))));
      await clock.advance(5 * DAY_MS);
      await phase(`one playback: a link and ${PLAYER_READS} reads of the player`, () =>
        each(async (at) => {
          const url = await issuePlaybackLink(await serverOf(service), placeOf(at));
          for (let read = 0; read < PLAYER_READS; read += 1) await readRange(url, read);
        }),
      );
      await clock.advance(5 * DAY_MS);
      await phase('assess', () => each(async (at) => assess(await serverOf(service), at, clock.nowMs())));
    }
    await clock.advance(30 * DAY_MS);
    await phase('deletion: the sweep that deletes them and writes their receipts', sweep);
    await clock.advance(366 * DAY_MS);
    await phase('a year later: the sweep that deletes their receipts and audit events', sweep);

    const parts = { what: `${PARTS} parts, sent by the browser`, counts: { UploadPart: PARTS * RECORDINGS } };
    const scaled = [...phases.map(({ what, counts }) => ({ what, counts: scale(counts, count) })), parts];
    const whole = merge(scaled.map(({ counts }) => counts));
    return {
      measurements: [
        ...scaled.map(
          ({ what, counts }): Measurement => ({
            what: `${what}: requests`,
            unit: '',
            ours: sumOf(counts),
            details: inWords(counts),
          }),
        ),
        { what: 'all requests', unit: '', ours: sumOf(whole) },
        ...PRICE_LISTS.map((list): Measurement => {
          const { dollars, requests } = billOf(list, whole);
          const unknown = requests.unknown > 0 ? `, ${grouped(requests.unknown)} of which the class is not known` : '';
          return {
            what: `price of all requests at ${list.provider}`,
            unit: 'dollars',
            ours: dollars,
            details: `${grouped(requests.A)} A, ${grouped(requests.B)} B, ${grouped(requests.free)} free${unknown}`,
          };
        }),
      ],
      notes: [
        `For ${grouped(RECORDINGS)} recordings of an hour (${PARTS} parts of 5 MiB), each in an attempt of its own, on a clock that is ` +
          `advanced; measured with ${grouped(count)}. The parts are added by calculation. ` +
          'Storage and traffic are not included: see [sizing](sizing.md). Sweeps with nothing due, readiness checks and `verify` are not ' +
          'included: see [operations](operations.md#requests-and-storage).',
        `Prices, read in November 2026, without tax and free allowances: ${PRICE_LISTS.map(({ source }) => source).join('. ')}. ` +
          'A is the class of the requests that cost most, B that of reads. DigitalOcean Spaces charges for no request, but limits their ' +
          'rate: see [figure 3](#3-the-start-of-an-exam). R2 and B2 do not name tagging, which is the part whose class is not known.',
      ],
    };
  },
};

async function readRange(url: string, index: number): Promise<void> {
  const answer = await fetch(url, { headers: { range: `bytes=${index * 1000}-${index * 1000 + 999}` } });
  await answer.arrayBuffer();
  if (answer.status !== 206) throw new Error(`the player was answered ${answer.status}`);
}

/** As many as for `RECORDINGS`, without the parts, of which only the first was sent. */
function scale(counts: Counts, count: number): Counts {
  const entries = Object.entries(counts).filter(([operation]) => operation !== 'UploadPart');
  return Object.fromEntries(entries.map(([operation, of]) => [operation, Math.round((of * RECORDINGS) / count)]));
}

function merge(all: readonly Counts[]): Counts {
  const sum: Record<string, number> = {};
  for (const counts of all) {
    for (const [operation, count] of Object.entries(counts)) sum[operation] = (sum[operation] ?? 0) + count;
  }
  return sum;
}

function grouped(value: number): string {
  return value.toLocaleString('en');
}
