// Why a recording is still here, or gone, by which rule, and what happens next; by the functions that the sweeper uses.
import { type Attempt, hasLostManifest, isStored, type RecordingState, storedAtMs } from '../bucket/attempt.ts';
import { Bucket } from '../bucket/bucket.ts';
import { type DocumentIds, type DocumentOf, idsOf, type Receipt } from '../bucket/documents.ts';
import { isProof } from '../bucket/receipt-log.ts';
import { latenessOf } from '../bucket/receipts.ts';
import { DAY_MS, inWords } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import { deletableFromMs, type RetentionRule, type Term } from '../model/retention.ts';
import { toDay, toIso } from '../model/times.ts';
import type { RecordingsContext } from './context.ts';
import { explainVanished } from './explain-vanished.ts';
import {
  type Explained,
  type ExplainedRule,
  type ExplainedState,
  type Explanation,
  type Fact,
  fact,
} from './explanation.ts';
import { requireRightClock } from './right-clock.ts';

export type ExplainContext = Pick<
  RecordingsContext,
  'store' | 'policy' | 'now' | 'randomBytes' | 'leadMs' | 'logRetentionMs' | 'signer'
>;

type Step = Explanation['next'][number];
type Deletion = DocumentOf<'deleting'>;

/** Pages of the queue that are read to find the entry of one attempt, a thousand entries each. */
const MAX_QUEUE_PAGES = 50;
/** Recordings of the attempt whose deadlines are looked up in the queue before it is read. */
const MAX_LOOKED_UP = 20;

/**
 * Costs a LIST, GetBucketVersioning, at most four GETs, and one LIST for each deadline of the attempt until a queue entry is
 * found; without one at any of them the queue is read up to the deadline. Of what is gone without a receipt the audit
 * trail is read.
 * @throws ServiceError `recording-not-found` for one that never was, `clock-skew`
 */
export async function explainRecording(context: ExplainContext, ref: RecordingRef): Promise<Explanation> {
  const bucket = new Bucket(context);
  // What only has older versions left is still there.
  const attempt = await bucket.attempt(ref, { everything: true });
  // Of a listing of versions there is none.
  const isUntimed = Number.isNaN(attempt.storeTimeMs);
  requireRightClock(context, isUntimed ? await bucket.queue.page({ limit: 1 }) : attempt);
  const state = attempt.recording(ref.recording);
  const receipt = await bucket.readReceipt(ref);
  const about = { ...(idsOf(ref) as DocumentIds), explainedAt: toIso(context.now()) };
  if (state) return { ...about, ...(await explainHeld(context, bucket, attempt, state, receipt)) };
  if (receipt) return { ...about, ...explainDeleted(context, attempt, ref, receipt) };
  const vanished = await explainVanished(context, ref);
  if (vanished) return { ...about, ...vanished };
  throw new ServiceError('recording-not-found', 'There is no such recording.');
}

async function explainHeld(
  context: ExplainContext,
  bucket: Bucket,
  attempt: Attempt,
  state: RecordingState,
  receipt: Receipt | 'unreadable' | undefined,
): Promise<Explained> {
  const { ref, objects } = state;
  const term = attempt.term(ref);
  const fromMs = deletableFromMs(term, context.leadMs);
  const intent = objects.deleting && (await bucket.read(ref, 'deleting'));
  const facts = [
    ...(await factsOfObjects(bucket, attempt, state)),
    factOfTerm(term),
    factOfMargin(context, fromMs),
    ...(intent ? [factOfIntent(intent)] : []),
    ...(receipt ? [factOfReceipt(receipt)] : []),
    await factOfQueue(bucket, attempt, state, intent),
  ];
  const readable = receipt === 'unreadable' ? null : (receipt ?? null);
  const isLost = hasLostManifest(state, await isProof(context.signer, receipt));
  if (isLost) facts.push(DESCRIPTION_LOST);
  const as = stateOf(context, state, term, { fromMs, isLost });
  const deadlineMs = await bucket.deadlineMs(attempt, state);
  const isContradicted = receipt !== undefined && state.items.some(({ object }) => object === 'media');
  const wrong =
    deadlineMs < context.now() ||
    isContradicted ||
    facts.some(({ code }) => WRONG.has(code)) ||
    receipt === 'unreadable';
  const next = [
    ...stepsOf(as, attempt, term, fromMs),
    receiptKept(lastDayOf(context, term.deadlineMs), (day) => {
      return `The receipt of its deletion will then be kept for ${inWords(context.logRetentionMs)}, until about ${day} at the latest.`;
    }),
    ...(wrong ? [RUN_VERIFY] : []),
  ];
  const rule = ruleOf(as, term, intent);
  const summary = summaryOf(as, rule, attempt, term, fromMs);
  const isDecided = as === 'being-deleted' || as === 'left-over';
  const deletableFrom = isDecided ? null : toIso(fromMs);
  return {
    state: as,
    rule,
    summary,
    wrong,
    deletableFrom,
    deleteBy: toIso(deadlineMs),
    facts,
    next,
    receipt: readable,
  };
}

/** Facts by which something is wrong. */
const WRONG: ReadonlySet<Fact['code']> = new Set(['description-unreadable', 'description-lost', 'not-queued']);
const DESCRIPTION_LOST: Fact = {
  code: 'description-lost',
  at: null,
  source: 'recording.json',
  sentence:
    'Its description is gone, and no receipt shows its deletion. It cannot be played, but it is still deleted on time.',
};
const RUN_VERIFY: Step = {
  code: 'run-verify',
  at: null,
  sentence: 'Something is wrong: the operator runs `verify --fix`, which repairs what can be repaired.',
};

function stateOf(
  { now }: ExplainContext,
  { objects }: RecordingState,
  term: Term,
  { fromMs, isLost }: { readonly fromMs: number; readonly isLost: boolean },
): ExplainedState {
  if (objects.deleting) return 'being-deleted';
  if (term.deadlineMs < now()) return 'overdue';
  if (!objects.manifest && !isLost) return 'left-over';
  return fromMs <= now() ? 'deletable' : 'held';
}

function ruleOf(as: ExplainedState, { rule }: Term, intent: Deletion | 'unreadable' | undefined): ExplainedRule {
  if (as === 'left-over') return 'left-over';
  if (as !== 'being-deleted') return rule;
  return intent && intent !== 'unreadable' ? intent.reason : 'unknown';
}

async function factsOfObjects(bucket: Bucket, attempt: Attempt, state: RecordingState): Promise<Fact[]> {
  const { ref, objects } = state;
  const facts = [
    fact('created', createdAtOf(ref.recording), 'recording id', (at) => `It was created at ${at}.`),
    ...(objects.ahead
      ? [
          fact('created-ahead', objects.ahead.lastModifiedMs, 'marker ahead', (at) => {
            return `Its id is of a time to come, so it counts as created at ${at}, when a sweep found that.`;
          }),
        ]
      : []),
  ];
  const manifest = objects.manifest && (await bucket.read(ref, 'manifest'));
  if (manifest === 'unreadable') {
    const sentence = 'Its description cannot be read. Its media are deleted in time all the same.';
    facts.push({ code: 'description-unreadable', at: null, source: 'recording.json', sentence });
  }
  const storedMs = storedAtMs(state);
  if (isStored(state) && storedMs !== undefined) {
    facts.push(fact('stored', storedMs, 'marker stored', (at) => `It is complete since ${at}.`));
  } else if (objects.manifest) {
    const sentence = 'Its upload is not complete. That changes nothing about its deadline.';
    facts.push({ code: 'uploading', at: null, source: 'listing', sentence });
  }
  if (objects.truncated) {
    facts.push(
      fact('truncated', objects.truncated.lastModifiedMs, 'marker truncated', () => {
        return 'Its client never completed the upload: a sweep kept the parts that had arrived.';
      }),
    );
  }
  facts.push(factOfAssessment(attempt));
  if (objects.restricted) facts.push(await factOfRestriction(bucket, state));
  if (objects.announced) {
    facts.push(
      fact('warned', objects.announced.lastModifiedMs, 'marker announced', (at) => {
        return `The organisation was warned at ${at} that it will be deleted unassessed.`;
      }),
    );
  }
  return facts;
}

function factOfAssessment({ assessedAtMs }: Attempt): Fact {
  if (assessedAtMs !== undefined) {
    return fact('assessed', assessedAtMs, 'assessment record', (at) => {
      return `Its attempt was assessed at ${at}; the earliest assessment counts.`;
    });
  }
  const sentence = 'No assessment of its attempt is known, so its deadline counts from its creation.';
  return { code: 'not-assessed', at: null, source: 'listing', sentence };
}

async function factOfRestriction(bucket: Bucket, { ref, objects }: RecordingState): Promise<Fact> {
  const stored = await bucket.read(ref, 'restricted');
  const known = stored && stored !== 'unreadable' ? stored : undefined;
  const atMs = known ? Date.parse(known.restrictedAt) : (objects.restricted?.lastModifiedMs ?? Number.NaN);
  const why = known ? ` by ${known.actor} ("${known.reason}")` : '';
  return fact('restricted', atMs, 'marker restricted', (at) => {
    return `Its processing is restricted since ${at}${why}. It cannot be played; its deadline stays as it is.`;
  });
}

const FROM: Readonly<Record<RetentionRule, string>> = {
  'after-assessment': 'RETENTION_AFTER_ASSESSMENT',
  unassessed: 'RETENTION_UNASSESSED',
  'tenant-order': 'RETENTION_BY_TENANT',
  ceiling: 'the ceiling of 30 days',
};

function factOfTerm({ rule, retentionMs, deadlineMs }: Term): Fact {
  return fact(
    'retention',
    deadlineMs,
    FROM[rule],
    (at) => `${MEANING[rule](inWords(retentionMs))} Its deadline is ${at}.`,
  );
}

const MEANING: Readonly<Record<RetentionRule, (length: string) => string>> = {
  'after-assessment': (length) => `Recordings are kept for ${length} after the assessment.`,
  unassessed: (length) => `Recordings that nobody has assessed are kept for ${length} after their creation.`,
  'tenant-order': (length) => `The organisation has ordered that its recordings are kept for ${length}, which is less.`,
  ceiling: (length) => `Nothing is kept for more than ${length}, whatever is set.`,
};

function factOfMargin({ leadMs }: ExplainContext, fromMs: number): Fact {
  return fact('margin', fromMs, 'DELETE_LEAD', (at) => {
    if (leadMs === 0)
      return `There is no margin before the deadline: sweeps delete from ${at} on, and an outage then breaks it.`;
    return `Sweeps delete ${inWords(leadMs)} before the deadline, so that an outage breaks no promise: from ${at} on.`;
  });
}

function factOfIntent(intent: Deletion | 'unreadable'): Fact {
  if (intent === 'unreadable') {
    const sentence = 'Its deletion was decided; by whom and why cannot be read.';
    return { code: 'deletion-requested', at: null, source: 'deletion intent', sentence };
  }
  const { requestedAt, actor, reason } = intent;
  return fact('deletion-requested', Date.parse(requestedAt), 'deletion intent', (at) => {
    return `Its deletion was decided at ${at} by ${actor} (${reason}), and cannot be revoked.`;
  });
}

function factOfReceipt(receipt: Receipt | 'unreadable'): Fact {
  if (receipt === 'unreadable') {
    const sentence = 'There is a receipt of its deletion, and it cannot be read.';
    return { code: 'receipt-unreadable', at: null, source: 'receipt', sentence };
  }
  const { deletedAt, deadline, actor, reason } = receipt;
  const lateMs = latenessOf(receipt);
  const inTime =
    lateMs > 0
      ? `${inWords(lateMs)} after its deadline, which was ${deadline}`
      : `in time: its deadline was ${deadline}`;
  return fact('deleted', Date.parse(deletedAt), 'receipt', (at) => {
    return `It was deleted at ${at} by ${actor} (${reason}), ${inTime}.`;
  });
}

/** The entry by which a sweep finds it in time: its own, or an earlier one of its attempt. */
async function factOfQueue(
  { queue }: Bucket,
  attempt: Attempt,
  { ref }: RecordingState,
  intent: Deletion | 'unreadable' | undefined,
): Promise<Fact> {
  const deadlineMs = attempt.deadlineMs(ref);
  const requestedMs = intent && intent !== 'unreadable' ? [Date.parse(intent.requestedAt)] : [];
  const deadlines = attempt.recordings.slice(0, MAX_LOOKED_UP).map((state) => attempt.deadlineMs(state.ref));
  const timesMs = new Set([...requestedMs, deadlineMs, ...deadlines.filter((timeMs) => timeMs <= deadlineMs)]);
  const foundMs = await queue.firstOf(attempt.ref, {
    timesMs: [...timesMs],
    untilMs: deadlineMs,
    maxPages: MAX_QUEUE_PAGES,
  });
  if (typeof foundMs === 'number') {
    return fact(
      'queued',
      foundMs,
      'deletion queue',
      (at) => `An entry of the deletion queue leads a sweep to it, at ${at}.`,
    );
  }
  const [code, sentence] =
    foundMs === 'none'
      ? (['not-queued', 'Nothing leads a sweep to it by its deadline: this is wrong.'] as const)
      : ([
          'queue-not-searched',
          'The deletion queue is too long to be searched here: `verify` searches all of it.',
        ] as const);
  return { code, at: null, source: 'deletion queue', sentence };
}

function stepsOf(as: ExplainedState, attempt: Attempt, term: Term, fromMs: number): Step[] {
  if (as !== 'held') {
    const late = as === 'overdue' ? ' It should have been deleted before.' : '';
    return [
      { code: 'deleted-by-sweep', at: null, sentence: `The next sweep deletes it, and writes a receipt.${late}` },
    ];
  }
  const assessment: Step[] =
    attempt.assessedAtMs === undefined
      ? [{ code: 'assessment-counts', at: null, sentence: 'An assessment of its attempt sets a deadline of its own.' }]
      : [];
  return [
    ...assessment,
    step('deletable', fromMs, (at) => `From ${at} on, the first sweep deletes it.`),
    step('deadline', term.deadlineMs, (at) => `By ${at} it must be deleted.`),
  ];
}

function explainDeleted(
  context: ExplainContext,
  attempt: Attempt,
  { recording }: RecordingRef,
  receipt: Receipt | 'unreadable',
): Explained {
  const facts = [
    fact('created', createdAtOf(recording), 'recording id', (at) => `It was created at ${at}.`),
    factOfReceipt(receipt),
  ];
  if (receipt === 'unreadable') {
    const summary = 'It was deleted. When and why is in a receipt that cannot be read.';
    const none = { deletableFrom: null, deleteBy: null, receipt: null };
    return { state: 'deleted', rule: 'unknown', summary, wrong: true, ...none, facts, next: [RUN_VERIFY] };
  }
  const rule = ruleBehind(attempt, recording, receipt);
  const { verifiedAt, deletedAt, deadline } = receipt;
  const late = latenessOf(receipt) > 0 ? `, ${inWords(latenessOf(receipt))} after its deadline` : '';
  return {
    state: 'deleted',
    rule,
    summary: `It was deleted at ${deletedAt}${late}: ${BECAUSE[rule]}.`,
    wrong: false,
    deletableFrom: null,
    deleteBy: deadline,
    facts,
    next: [
      receiptKept(receipt.keptUntil ?? lastDayOf(context, Date.parse(verifiedAt)), (day) => {
        return `Its receipt is kept until ${day}; then nothing is known of it.`;
      }),
    ],
    receipt,
  };
}

/** What set the deadline, where the receipt's times and what is left of the attempt show it. */
function ruleBehind(attempt: Attempt, recording: string, { reason, deadline }: Receipt): ExplainedRule {
  if (reason !== 'retention') return reason;
  const term = attempt.term({ recording });
  return term.deadlineMs === Date.parse(deadline) ? term.rule : 'retention';
}

const BECAUSE: Readonly<Record<ExplainedRule, string>> = {
  'after-assessment': 'the retention after the assessment of its attempt was over',
  unassessed: 'nobody had assessed its attempt, and the retention after its creation was over',
  'tenant-order': 'the retention that the organisation had ordered was over',
  ceiling: 'nothing is kept for more than 30 days',
  retention: 'its deadline had come',
  erasure: 'its erasure was requested',
  'consent-withdrawn': 'the participant withdrew consent',
  'controller-instruction': 'the organisation ordered it',
  aborted: 'its upload was given up',
  'not-a-recording': 'its content was no recording',
  'left-over': 'it was left by a request that a deletion overtook',
  unknown: 'for a reason that cannot be read',
};

/** How long it is kept, counted from when, and who said so. */
function lengthOf({ retentionMs, rule }: Term, { assessedAtMs }: Attempt): string {
  const unassessed = 'its creation, because nobody has assessed its attempt';
  const since = assessedAtMs === undefined ? unassessed : 'the assessment of its attempt';
  return `${inWords(retentionMs)} after ${since}${SAID_BY[rule]}`;
}

const SAID_BY: Readonly<Record<RetentionRule, string>> = {
  'after-assessment': '',
  unassessed: '',
  'tenant-order': ', as the organisation has ordered',
  ceiling: ', which no setting exceeds',
};

function summaryOf(as: ExplainedState, rule: ExplainedRule, attempt: Attempt, term: Term, fromMs: number): string {
  const deleteBy = toIso(term.deadlineMs);
  const because = lengthOf(term, attempt);
  switch (as) {
    case 'held':
      return `It is kept until ${toIso(fromMs)} at least, and deleted by ${deleteBy}: ${because}.`;
    case 'deletable':
      return `The next sweep deletes it, before its deadline ${deleteBy}: ${because}.`;
    case 'overdue':
      return `It is still there after its deadline ${deleteBy}: ${because}. This is wrong.`;
    case 'being-deleted':
      return `It is being deleted, because ${BECAUSE[rule]}. It can no longer be read; the next sweep finishes it.`;
    default:
      return 'There is no description of it, so it is no recording any more: the next sweep deletes what is left.';
  }
}

function step(code: Step['code'], atMs: number, sentenceOf: (at: string) => string): Step {
  const at = toIso(atMs);
  return { code, at, sentence: sentenceOf(at) };
}

/** The last day on which the receipt of what is deleted then is kept, as receipts themselves say it (`keptUntil`). */
function lastDayOf({ logRetentionMs }: ExplainContext, deletedMs: number): string {
  return toDay(deletedMs + logRetentionMs - DAY_MS);
}

/** Until the end of a day. */
function receiptKept(day: string, sentenceOf: (day: string) => string): Step {
  return { code: 'receipt-kept', at: toIso(Date.parse(day) + DAY_MS), sentence: sentenceOf(day) };
}
