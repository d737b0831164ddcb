#!/usr/bin/env python3
"""Exhaustive check of how the log of receipts grows (src/sweeper/grow-logs.ts): every interleaving of a few submissions and
sweeps on one log, breadth first, so a counterexample is the shortest there is.

  log-order.py        the protocol, then without one rule at a time, then without one assumption at a time
  log-order.py -v     with the shortest counterexample of each

Store calls are atomic and strongly consistent; a LIST takes two pages, or one. A submission gets its date first and is shown
later, after less than the grace period. A sweep may stand still between any two calls for any time, and so for
ever: that is a crash. Time passes at any moment, up to a last tick. A tile has two entries. The key of a submission is its number,
and any may come first. The three questions at each state: is every head that was ever written a beginning of each larger
one; does what a head counts exist; and, if all who are at work died now, would honest sweeps bring each submission into the
log exactly once and empty the queue?
"""
import functools
import sys
from collections import deque

WIDTH = 2
RULES = {
    'grace': 'only what is past the grace period is taken',
    'list_first': 'the head is read after the submissions were listed',
    'first_page': 'the age of a submission is counted to the first page of the listing',
    'by_date': 'the order is that of dates, and then of keys',
    'own_date': 'whether the receipts of a submission had expired is counted to its own date, not to the time of the sweep',
    'included': 'a head names the submissions that it has and that are still listed',
    'missing': 'a sweep takes nothing when a submission that it listed has gone',
    'largest': 'the largest head counts, not the one that was written last',
    'bundle_first': 'a bundle is written before the head that counts it',
    'head_first': 'a submission is removed after a head that has it was stored',
}
ASSUMPTIONS = {
    'shown_in_time': 'the store shows an object before the grace period is over',
    'dates_rise': "the store's dates do not step back",
}
# Submissions, sweeps, ticks of the grace period, the last tick, and whether a LIST takes two pages.
MIXES = (3, 2, 1, 2, False), (2, 2, 2, 4, True), (2, 3, 1, 2, False), (2, 3, 1, 3, False)
DONE = 9


def check(submissions, sweeps, grace, last_tick, is_paged, dropped=None, limit=3_000_000):
    on = {name: name != dropped for name in [*RULES, *ASSUMPTIONS]}
    # The store: queue {(key, date)}, heads {(entries, included, order of writing)} by size, bundles {(index, entries)}.
    # `entries` of a head are those after its last whole bundle; `position` is the last submission that is in the log.
    def over(date, at): return at - date >= grace or not on['grace']
    def rank(sub): return (sub[1], sub[0]) if on['by_date'] else (0, sub[0])
    # The receipts of submission 0 expire: one of a later date is an old one that somebody has put back, and stays in the queue.
    def expired(sub, at): return sub[0] == 0 and (sub[1] if on['own_date'] else at) > grace
    def latest(heads): return max(heads, key=lambda h: h[0] if on['largest'] else h[5]) if heads else (0, (), None, frozenset(), 0, 0)

    def sweep(pc, local, store, now):
        """One store call. A head: (size, entries, position, included, time, order of writing)."""
        queue, heads, bundles = store
        if pc == 0 and not on['list_first']: return store, 1, (latest(heads),)
        if pc in (0, 1) and not is_paged: return store, 3, (local, now, queue)
        if pc in (0, 1): return store, 2, (local, now, frozenset(s for s in queue if s[0] == 0))                      # the first page
        if pc == 2:                                                                                                  # the second page
            first, at, page = local
            return store, 3, (first, at if on['first_page'] else now, page | {s for s in queue if s[0] > 0})
        if pc == 3:                                                                                                  # the head
            first, at, listed = local
            size, entries, position, included, written, _ = first[0] if first else latest(heads)
            listed = frozenset(s for s in listed if not expired(s, at))
            fresh = sorted((s for s in listed if s[0] not in included and (position is None or rank(s) > position) and over(s[1], at)), key=rank)
            late = frozenset(s for s in listed if s[0] not in included and position is not None and rank(s) <= position)
            named = frozenset(s for s in listed if s[0] in included)
            return store, 4, ((size, entries), tuple(fresh), named, late, written if size else None, at)
        if pc == 4:                                                                                                  # each submission
            head, fresh, named, late, written, at = local
            if any(s not in queue for s in fresh):
                fresh = () if on['missing'] else tuple(s for s in fresh if s in queue)
            removed = frozenset() if written is None or at - written < grace else named
            if not fresh: return store, 8, (removed, late)
            size, entries = head
            whole, rest, n = [], list(entries), size
            for s in fresh:
                rest.append(s[0]); n += 1
                if n % WIDTH == 0: whole.append((n // WIDTH - 1, tuple(rest))); rest = []
            new = (n, tuple(rest), rank(fresh[-1]), (frozenset(s[0] for s in named) | {s[0] for s in fresh}) if on['included'] else frozenset())
            if not on['head_first']: removed = removed | frozenset(fresh)
            order = ['bundle', 'head', 'remove'] if on['head_first'] else ['remove', 'bundle', 'head']
            if not on['bundle_first']: order = ['head', 'bundle', 'remove']
            order = [o for o in order if o != 'bundle' or whole]
            return store, 5, (tuple(order), tuple(whole), new, removed, late)
        if pc == 5:
            order, whole, new, removed, late = local
            following = (5, (order[1:], whole, new, removed, late)) if order[1:] else (8, (frozenset(), late))
            if order[0] == 'bundle': return (queue, heads, put_bundles(bundles, whole)), *following
            if order[0] == 'remove': return (queue - removed, heads, bundles), *following
            turn = 0 if on['largest'] else 1 + max([h[5] for h in heads], default=0)
            return (queue, frozenset(h for h in heads if h[0] != new[0]) | {(*new, now, turn)}, bundles), *following
        if pc == 8:                                                     # what came when its place was taken gets another
            removed, late = local
            return (queue - removed - late | {(s[0], now) for s in late if s in queue}, heads, bundles), DONE, None

    def put_bundles(bundles, whole): return frozenset(b for b in bundles if b[0] not in dict(whole)) | frozenset(whole)
    def log_of(head, bundles):
        found = dict(bundles)
        whole = [found.get(i) for i in range(head[0] // WIDTH)]
        return None if None in whole else tuple(e for b in whole for e in b) + head[1]

    @functools.cache
    def after_sweeps(store, now):
        for at in range(now + grace, now + grace * 9, grace):
            pc, local = 0, None
            while pc != DONE: store, pc, local = sweep(pc, local, store, at)
        return store

    idle = (0, None)
    start = ((frozenset(), frozenset(), frozenset()), 0, (None,) * submissions, (idle,) * sweeps, ())
    seen, queue, broken = {start: None}, deque([start]), {}
    while queue and len(seen) < limit:
        state = queue.popleft(); store, now, writers, running, longest = state
        logs = [log_of(h, store[2]) for h in store[1]]
        if None in logs: broken.setdefault('a head counts a bundle that is not there', state)
        elif any(log != longest[:len(log)] for log in logs): broken.setdefault('the log forks', state)
        else:
            end = after_sweeps(store, now)
            last = log_of(latest(end[1]), end[2])
            sent = [i for i, w in enumerate(writers) if w and w[1] and not expired((i, w[0]), w[0])]
            if last is None or sorted(last) != sent: broken.setdefault('a submission is lost, or in the log twice, if all die here', state)
            elif any(not expired(s, s[1]) for s in end[0]): broken.setdefault('the queue is never empty if all die here', state)
            elif last[:len(longest)] != longest: broken.setdefault('the log forks if all die here', state)
        if broken and dropped: break
        following = []
        late = on['shown_in_time'] and any(w and not w[1] and now + 1 - w[0] >= grace for w in writers)
        if now < last_tick and not late: following.append((store, now + 1, writers, running, longest))
        for i, w in enumerate(writers):
            if w is None:
                for date in [now] if on['dates_rise'] else range(max(0, now - grace), now + 1):
                    following.append((store, now, writers[:i] + ((date, False),) + writers[i + 1:], running, longest))
            elif not w[1]:
                shown = (store[0] | {(i, w[0])}, *store[1:])
                following.append((shown, now, writers[:i] + ((w[0], True),) + writers[i + 1:], running, longest))
        for i, (pc, local) in enumerate(running):
            if pc == DONE or (i and pc == 0 and running[i - 1][0] == 0): continue           # sweeps are alike: they begin in order
            store2, pc2, local2 = sweep(pc, local, store, now)
            grown = [log_of(h, store2[2]) or () for h in store2[1]]
            most = max([longest, *(g for g in grown if g[:len(longest)] == longest)], key=len)
            after = (pc2, local2) if pc2 != DONE else (DONE, None)
            following.append((store2, now, writers, running[:i] + (after,) + running[i + 1:], most))
        for x in following:
            if x not in seen: seen[x] = state; queue.append(x)
    return seen, broken


def tell(state):
    (queue, heads, bundles), now, writers, running, _ = state
    shown = sorted((h[0], h[1], sorted(h[3])) for h in heads)
    return f'{now} queue {sorted(queue)} heads {shown} bundles {sorted(bundles)} writers {writers} sweeps at {[pc for pc, _ in running]}'


def main():
    for dropped in [None, *RULES, *ASSUMPTIONS]:
        kind = 'the protocol' if not dropped else f'without the rule: {RULES[dropped]}' if dropped in RULES else f'without the assumption: {ASSUMPTIONS[dropped]}'
        print(kind)
        for mix in MIXES:
            seen, broken = check(*mix, dropped)
            if broken or not dropped: print('  %d submissions, %d sweeps, grace %d of %d, %s: ' % (*mix[:4], 'two pages' if mix[4] else 'one page') + f'{len(seen)} states,', '; '.join(broken) or 'holds', flush=True)
            for state in broken.values() if '-v' in sys.argv else ():
                trail = []
                while state: trail.append(state); state = seen[state]
                for s in trail[::-1]: print('     ', tell(s))
            if broken and dropped: break


if __name__ == '__main__': main()
