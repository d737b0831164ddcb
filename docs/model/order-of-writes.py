#!/usr/bin/env python3
"""Exhaustive check of the write protocol (ARCHITECTURE.md): every interleaving of the store calls of a few requests on one
recording, with a crash allowed after every call, breadth first, so a counterexample is the shortest there is.

  order-of-writes.py              the protocol, then the protocol with one rule dropped at a time
  order-of-writes.py -v           with the shortest counterexample of each
  order-of-writes.py --first      of each dropped rule no more than the first mix that breaks

A mix with more states than LIMIT is tried up to that many, and marked.

Store calls are atomic and strongly consistent (S3 since 2020, Ceph RGW). A request lasts less than the grace period
(SETTLE_TIME): time passes only between requests; a sweep may be overtaken by time. `U`, `T`: deadline when unassessed,
when assessed; `now` runs 0, 1, 2. T = 0 is an assessment reported so late that its deadline has passed. Steps that a request
takes at the same time come in every order. That the sweeper leaves young recordings alone is part of the protocol and not
among the rules: no mix here needs it; it spares creations from being purged while they run.
"""
import functools
import itertools
import sys
from collections import deque

CLAIM = 'claim'
UPLOAD, MANIFEST, PARTICIPANT, MEDIA, ASSESSED, DELETING, RECEIPT, YOUNG = range(8)
NAMES = 'open-upload manifest participant media assessed deleting receipt young'.split()
RULES = {
    'grace': 'queue entries and assessment records are deleted only when older than SETTLE_TIME',
    'unique': 'every queue entry has a name of its own',
    'claim_first': 'create writes its claim before the participant index entry and the upload',
    'moved_first': 'a sweep writes the entry at the deadline before it deletes the claim',
    'enqueue_first': 'an erasure enqueues at now before it writes `deleting`',
    'participant_first': 'create writes the participant index entry before the manifest',
    'index_swept': 'with the claim of a creation that wrote no manifest the sweeper deletes its participant index entry',
    'upload_swept': 'with that claim the sweeper also ends its upload',
    'claims_kept': 'a sweep leaves claims alone that are within the grace period',
}
DONE, CRASHED = 99, 98
LIMIT = 2_000_000
MIXES = [m.split() for m in ('create complete assess sweep', 'create complete erase sweep', 'create assess sweep sweep', 'create assess assess sweep', 'create erase sweep sweep')]
LARGER = [m.split() for m in ('create complete assess erase sweep', 'create complete erase sweep sweep', 'create complete erase erase sweep', 'create complete assess sweep sweep')]
CLOCKS = (1, 2), (2, 1), (1, 1), (2, 0), (1, 0)


def check(U, T, processes, dropped=None):
    on = {rule: rule != dropped for rule in RULES}
    # A state of the store: (queue entries {(time, name, fresh)}, the eight flags above; ASSESSED 1 = fresh, 2 = past grace)
    def put(s, flag, value):
        flags = list(s[1]); flags[flag] = value; return s[0], tuple(flags)
    def enqueue(s, time, name, unique=on['unique']):
        name = name if unique else 'same'
        return frozenset({e for e in s[0] if e[:2] != (time, name)} | {(time, name, 1)}), s[1]
    def is_claim(entry): return entry[1].startswith(CLAIM)
    def acknowledge(s, entries):
        deleted = {e[:2] for e in entries if not e[2] or not on['grace']}
        return frozenset(e for e in s[0] if e[:2] not in deleted), s[1]
    def deadline(f): return T if f[ASSESSED] else U
    def present(f): return f[UPLOAD] or f[MANIFEST] or f[MEDIA] or f[DELETING]

    def purge(s, pc, local):
        f = s[1]
        if pc == 10: return put(s, UPLOAD, 0), 11, local                            # AbortMultipartUpload
        if pc == 11: return put(s, MEDIA, 0), 12, local                             # DeleteObjects
        if pc == 12:                                                                # LIST again: the records of this moment count
            if f[MEDIA] or f[UPLOAD]: return s, 10, local
            return s, 13, local and (*local[:2], f[ASSESSED], local[3])
        if pc == 13: return put(s, RECEIPT, 1), 14, local
        if pc == 14:
            first = put(s, PARTICIPANT, 0), 15, local
            return [first, (put(s, MANIFEST, 0), 18, local)] if f[DELETING] else first      # one batch, which is not atomic
        if pc == 15: return put(s, MANIFEST, 0), 17 if f[DELETING] else 16 if local else DONE, local
        if pc == 18: return put(s, PARTICIPANT, 0), 17, local
        if pc == 17: return put(s, DELETING, 0), 16 if local else DONE, local                 # alone: a batch is not atomic
        if pc == 16: return after_all(s, *local)
    def after_all(s, entries, at, record, had_manifest):
        """Nothing of the recording is left: a record is deleted past grace and deadline, an entry past grace; no further LIST."""
        is_past_grace = record == 2 or not on['grace']
        if record and is_past_grace and T <= at: return put(s, ASSESSED, 0), 3, (entries, None, had_manifest)
        return keep(s, entries, T, had_manifest) if record else (s, 3, (entries, None, had_manifest))
    def keep(s, entries, deadline, had_manifest):
        """An entry that exists at the deadline is as good as a new one."""
        return s, 3 if any(e[0] == deadline for e in entries) else 2, (entries, deadline, had_manifest)
    def past_grace(entries): return [e for e in entries if not e[2] or not on['grace']]

    def step(kind, pc, local, s, now, who='check'):
        f = s[1]
        if kind == 'create':
            if pc == 0:                                                             # LIST and PUT the claim, in either order
                claimed = put(enqueue(s, 0, CLAIM + who, unique=True), YOUNG, 1)
                return [(s, DONE if f[ASSESSED] or now > 0 else 1, None), (claimed if on['claim_first'] else s, 2, None)]
            if pc == 1: return put(enqueue(s, 0, CLAIM + who, unique=True), YOUNG, 1) if on['claim_first'] else s, 3, None
            if pc == 2: return (s, 7, None) if f[ASSESSED] or now > 0 else (s, 3, None)
            first, last = (PARTICIPANT, MANIFEST) if on['participant_first'] else (MANIFEST, PARTICIPANT)
            if pc == 3: return [(put(s, first, 1), 4, None), (put(s, UPLOAD, 1), 5, None)]
            if pc == 4: return put(s, UPLOAD, 1), 6, None
            if pc == 5: return put(s, first, 1), 6, None
            if pc == 6:
                s = s if on['claim_first'] else put(enqueue(s, 0, CLAIM + who, unique=True), YOUNG, 1)
                return put(s, last, 1), DONE, None
            if pc == 7: return acknowledge(s, [(0, CLAIM + who, 0)]), DONE, None     # refused: nothing else was written
        if kind == 'complete':
            if pc == 0: return s, 1 if f[MANIFEST] and not f[DELETING] else DONE, None
            if pc == 1: return (put(put(s, UPLOAD, 0), MEDIA, 1), 2, None) if f[UPLOAD] else (s, DONE, None)
            if pc == 2: return s, 3 if f[DELETING] or not f[MANIFEST] or deadline(f) <= now else DONE, None   # LIST again
            if pc == 3: return put(s, MEDIA, 0), DONE, None
        if kind == 'assess':
            if pc == 0: return enqueue(s, T, who), 1, None
            if pc == 1: return put(s, ASSESSED, f[ASSESSED] or 1), DONE, None
        if kind == 'erase':
            if pc == 0: return s, 1 if f[MANIFEST] else DONE, None
            if pc == (1 if on['enqueue_first'] else 2): return enqueue(s, 0, who), pc + 1 if pc == 1 else 10, None
            if pc in (1, 2): return put(s, DELETING, 1), pc + 1 if pc == 1 else 10, None
            return purge(s, pc, local)
        if kind == 'sweep':
            if pc == 0:
                due = sorted(e for e in s[0] if e[0] <= now)
                entries = tuple(e for e in due if not is_claim(e))
                claims = tuple(e for e in due if is_claim(e) and not (e[2] and on['claims_kept']))
                return s, 20 if claims else 1 if entries else DONE, (entries, now, claims)
            if pc == 1:                                                             # LIST the attempt
                entries, at = local[:2]
                due = f[DELETING] or (not f[YOUNG] and (deadline(f) <= at or f[MEDIA] and not f[MANIFEST]))
                if present(f): return (s, 10, (entries, at, 0, f[MANIFEST])) if due else keep(s, entries, deadline(f), f[MANIFEST])
                return after_all(s, entries, at, f[ASSESSED], 0)
            if pc == 2: return enqueue(s, local[1], who), 3, local
            over = [e for e in local[0] if e[0] != local[1]] if pc in (3, 4) else []
            if pc == 3: return acknowledge(s, over), DONE, None
            entries, at, claims = local if 20 <= pc < 30 else (None, None, None)
            if pc == 20: return s, 21 if f[MANIFEST] or f[MEDIA] or f[DELETING] else 23, local      # LIST the attempt
            if pc == 21: return (enqueue(s, U, who), 22, local) if on['moved_first'] else (acknowledge(s, claims), 25, local)
            if pc == 25: return enqueue(s, U, who), 1 if entries else DONE, (entries, at)
            if pc == 22: return acknowledge(s, claims), 1 if entries else DONE, (entries, at)
            if pc == 23: return put(s, UPLOAD, 0) if on['upload_swept'] else s, 24, local
            if pc == 24: return put(s, PARTICIPANT, 0) if on['index_swept'] else s, 22, local
            return purge(s, pc, local)

    def pass_grace(s):
        return frozenset((t, n, 0) for t, n, _ in s[0]), tuple(2 if i == ASSESSED and v else 0 if i == YOUNG else v for i, v in enumerate(s[1]))
    def each(steps): return steps if isinstance(steps, list) else [steps]
    @functools.cache
    def after_sweeps(s):
        for _ in range(6):
            s, pc, local = pass_grace(s), 0, None
            while pc != DONE: s, pc, local = each(step('sweep', pc, local, s, 2))[0]
        return s

    start = ((frozenset(), (0,) * 8), 0, tuple((k, 0, None) for k in processes))
    seen, queue, broken = {start: None}, deque([start]), {}
    while queue and len(seen) < LIMIT:
        state = queue.popleft(); s, now, running = state; f = s[1]
        if (f[MANIFEST] or f[MEDIA] or f[UPLOAD]) and not any(e[0] <= deadline(f) for e in s[0]):
            broken.setdefault('something is kept without a queue entry at or before its deadline', state)
        if f[MANIFEST] and not f[PARTICIPANT] and not f[DELETING] and not f[RECEIPT]:
            broken.setdefault('a recording that its participant does not lead to', state)
        end = after_sweeps(s)
        if end[0] or any(end[1][i] for i in (UPLOAD, MANIFEST, PARTICIPANT, MEDIA, ASSESSED, DELETING)):
            broken.setdefault('something is never deleted if all crash here', state)
        if f[RECEIPT] and f[MEDIA] and not any(k == 'complete' and pc in (2, 3, CRASHED) for k, pc, _ in running):
            broken.setdefault('a receipt, and yet media', state)
        following = []
        if all(k == 'sweep' or pc in (0, DONE, CRASHED) for k, pc, _ in running):
            following.append((pass_grace(s), now, running))
            if now < 2: following.append((pass_grace(s), now + 1, running))
        for i, (k, pc, local) in enumerate(running):
            if pc in (DONE, CRASHED): continue
            for s2, pc2, local2 in each(step(k, pc, local, s, now, f'{k}{i}')):
                following.append((s2, now, running[:i] + ((k, pc2, local2),) + running[i + 1:]))
            if pc: following.append((s, now, running[:i] + ((k, CRASHED, None),) + running[i + 1:]))
        for x in following:
            if x not in seen: seen[x] = state; queue.append(x)
    return seen, broken


def main():
    for dropped in [None, *RULES]:
        print('the protocol' if not dropped else f'without: {RULES[dropped]}')
        for processes, (U, T) in itertools.product(MIXES if dropped else MIXES + LARGER, CLOCKS):
            seen, broken = check(U, T, processes, dropped)
            holds = 'holds' if len(seen) < LIMIT else 'holds as far as it was tried'
            if broken or not dropped: print(f'  U={U} T={T} {"+".join(processes)}: {len(seen)} states,', '; '.join(broken) or holds, flush=True)
            for state in broken.values() if '-v' in sys.argv else ():
                trail = []
                while state: trail.append(state); state = seen[state]
                for s, now, running in trail[::-1]: print('     ', now, sorted(s[0]), [n for n, v in zip(NAMES, s[1]) if v], [r[:2] for r in running])
            if broken and '--first' in sys.argv: break


if __name__ == '__main__': main()
