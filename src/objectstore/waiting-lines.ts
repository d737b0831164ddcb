// Who comes next of those who wait: by urgency, then the tenants in turn, then the call that began first.
import { URGENCIES, type Urgency, type Work } from './work.ts';

export interface Waiting {
  readonly work: Work;
}

/**
 * Of so many turns one is for that class if it waits: a busy store must not keep deletions from their time. Near its limit,
 * what background work takes delays calls by ten times as much; at 150 requests a second it still deletes some five thousand
 * recordings in four hours, and deletions have a day (`DELETE_LEAD`).
 */
const ONE_TURN_OF: Readonly<Record<Urgency, number>> = { upload: Number.POSITIVE_INFINITY, read: 16, background: 128 };

interface Class<T> {
  readonly urgency: Urgency;
  /** By tenant, in the order of the tenants' turns. Each line is in the order of its calls. */
  readonly lines: Map<string | undefined, T[]>;
  /** Turns of more urgent work while this class waited. */
  passedOver: number;
}

export class WaitingLines<T extends Waiting> {
  readonly #classes: readonly Class<T>[] = URGENCIES.map((urgency) => ({ urgency, lines: new Map(), passedOver: 0 }));

  add(waiting: T): void {
    const { urgency, tenant, order } = waiting.work;
    const lines = this.#classes.find((of) => of.urgency === urgency)?.lines;
    const line = lines?.get(tenant) ?? [];
    lines?.set(tenant, line);
    // A later request of a call in progress goes before the calls that arrived meanwhile.
    line.splice(line.findLastIndex((before) => before.work.order <= order) + 1, 0, waiting);
  }

  /** Takes out the one that comes next, of those that are wanted and whose tenant has room. */
  takeNext(
    hasRoom: (tenant: string | undefined) => boolean,
    isWanted: (waiting: T) => boolean = () => true,
  ): T | undefined {
    const isOwed = (of: Class<T>) => of.passedOver >= ONE_TURN_OF[of.urgency] - 1;
    for (const of of [...this.#classes.filter(isOwed), ...this.#classes]) {
      for (const [tenant, line] of of.lines) {
        if (!hasRoom(tenant)) continue;
        const place = line.findIndex(isWanted);
        if (place < 0) continue;
        const [next] = line.splice(place, 1);
        // The tenant's next turn comes after those of all others.
        of.lines.delete(tenant);
        if (line.length > 0) of.lines.set(tenant, line);
        this.#count(of);
        return next;
      }
    }
    return undefined;
  }

  #count(taken: Class<T>): void {
    taken.passedOver = 0;
    for (const less of this.#classes.slice(this.#classes.indexOf(taken) + 1)) {
      if (less.lines.size > 0) less.passedOver += 1;
    }
  }

  /** Takes out all that match. */
  takeAll(isTaken: (waiting: T) => boolean): T[] {
    const taken: T[] = [];
    for (const { lines } of this.#classes) {
      for (const [tenant, line] of lines) {
        const split = Map.groupBy(line, isTaken);
        taken.push(...(split.get(true) ?? []));
        const left = split.get(false);
        if (left) lines.set(tenant, left);
        else lines.delete(tenant);
      }
    }
    return taken;
  }

  count(urgency: Urgency): number {
    const lines = this.#classes.find((of) => of.urgency === urgency)?.lines.values() ?? [];
    return [...lines].reduce((sum, line) => sum + line.length, 0);
  }

  get isEmpty(): boolean {
    return this.#classes.every(({ lines }) => lines.size === 0);
  }
}
