// Storage, requests and cost of proctoring a number of candidates: `npx node docs/examples/cost.ts --candidates 1000 --hours 2`
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

export interface Exam {
  readonly candidates: number;
  readonly hours: number;
  /** Of each recording of a candidate, in kbit/s: the exam client's defaults for webcam with sound, and for screen. */
  readonly bitrates: readonly number[];
  /** From the recording to its assessment. */
  readonly assessedAfterDays: number;
  readonly retentionDays: number;
  /** The share of recordings that are watched, wholly and once. */
  readonly watched: number;
  /** Of each candidate, in Mbit/s: how long a part is on its way. */
  readonly line: number;
}

/** In US dollars. `GB` are 10^9 bytes. */
export interface Prices {
  readonly provider: string;
  readonly source: string;
  readonly storagePerGbMonth: number;
  /** Requests that write or list, and those that read. */
  readonly perMillionA: number;
  readonly perMillionB: number;
  readonly egressPerGb: number;
}

const PART_BYTES = 5 * 1024 * 1024;
const DAYS_A_MONTH = 365.25 / 12;
/** `DELETE_LEAD` */
const LEAD_DAYS = 1;

/** Of one recording, as docs/operations.md counts them. A process reads an open recording once an hour. */
function requestsOf(hours: number, parts: number) {
  const urls = Math.ceil(hours);
  const [create, complete, assess, playback, deletion] = [7, 6, 6, 3, 5];
  return { a: create + urls + parts + complete + assess + playback + deletion, b: urls + 1 + 11 + 1 };
}

export function demandOf(exam: Exam) {
  const recordings = exam.bitrates.map((kbps) => {
    const bytes = (kbps * 1000 * 3600 * exam.hours) / 8;
    const parts = Math.ceil(bytes / PART_BYTES);
    return { gb: bytes / 1e9, parts, ...requestsOf(exam.hours, parts) };
  });
  const sum = (of: (recording: (typeof recordings)[number]) => number) =>
    exam.candidates * recordings.reduce((total, recording) => total + of(recording), 0);
  const months = (exam.assessedAfterDays + exam.retentionDays - LEAD_DAYS) / DAYS_A_MONTH;
  const gb = sum((recording) => recording.gb);
  const partsASecond = sum((recording) => recording.parts) / (exam.hours * 3600);
  return {
    gb,
    gbMonths: gb * months,
    watchedGb: gb * exam.watched,
    requestsA: sum((recording) => recording.a),
    requestsB: sum((recording) => recording.b),
    megabitsASecond: (exam.candidates * exam.bitrates.reduce((total, kbps) => total + kbps, 0)) / 1000,
    partsASecond,
    /** At once, if every part goes through the service: `MAX_CONTENT_UPLOADS`, over all replicas. */
    partsUnderWay: partsASecond * ((PART_BYTES * 8) / (exam.line * 1e6)),
  };
}

export function costOf({ gbMonths, watchedGb, requestsA, requestsB }: ReturnType<typeof demandOf>, prices: Prices) {
  const storage = gbMonths * prices.storagePerGbMonth;
  const requests = (requestsA * prices.perMillionA + requestsB * prices.perMillionB) / 1e6;
  const egress = watchedGb * prices.egressPerGb;
  return { storage, requests, egress, sum: storage + requests + egress };
}

/** What the command prints. */
export function tables(exam: Exam, providers: readonly Prices[]): string {
  const demand = demandOf(exam);
  const count = (value: number) => Math.round(value).toLocaleString('en-US');
  const rows = providers.map((prices) => {
    const { storage, requests, egress, sum } = costOf(demand, prices);
    return `| ${prices.provider} | ${[storage, requests, egress, sum].map((usd) => usd.toFixed(2)).join(' | ')} |`;
  });
  return [
    '| Demand | |',
    '|---|---|',
    `| stored | ${count(demand.gb)} GB, ${count(demand.gbMonths)} GB-months |`,
    `| requests that write or list (A), and that read (B) | ${count(demand.requestsA)} A, ${count(demand.requestsB)} B |`,
    `| watched | ${count(demand.watchedGb)} GB out of the store |`,
    `| into the store during the exam | ${count(demand.megabitsASecond)} Mbit/s |`,
    `| parts | ${count(demand.partsASecond)} a second |`,
    `| parts under way, if all go through the service | ${count(demand.partsUnderWay)} at once |`,
    '',
    '| US dollars | Storage | Requests | Egress | Sum |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

if (import.meta.main) {
  const prices = JSON.parse(readFileSync(new URL('prices.json', import.meta.url), 'utf8')) as Prices[];
  const { values } = parseArgs({
    options: {
      candidates: { type: 'string', default: '1000' },
      hours: { type: 'string', default: '2' },
      bitrates: { type: 'string', default: '332,500' },
      'assessed-after-days': { type: 'string', default: '10' },
      'retention-days': { type: 'string', default: '30' },
      watched: { type: 'string', default: '0.1' },
      line: { type: 'string', default: '5' },
    },
  });
  const exam = {
    candidates: Number(values.candidates),
    hours: Number(values.hours),
    bitrates: values.bitrates.split(',').map(Number),
    assessedAfterDays: Number(values['assessed-after-days']),
    retentionDays: Number(values['retention-days']),
    watched: Number(values.watched),
    line: Number(values.line),
  };
  if (Object.values(exam).flat().some(Number.isNaN)) throw new Error('every option takes a number');
  console.log(tables(exam, prices));
}
