// What happened in a session, line by line: for somebody who reads why a seed failed, and to compare two runs of one seed.
import { hash } from 'node:crypto';
import { START_MS } from '../../../../test/kit/clock.ts';
import type { World } from './world.ts';

const RECORDING_ID = /\b[0-9a-v]{36}\b/g;

export class Story {
  readonly #world: World;
  readonly #events: string[] = [];
  readonly #names = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Ids of recordings get short names: `r1` is the first that is named. */
  add(who: string, what: string): void {
    const atSeconds = ((this.#world.nowMs - START_MS) / 1000).toFixed(2);
    const short = what.replaceAll(RECORDING_ID, (id) => {
      const name = this.#names.get(id) ?? `r${this.#names.size + 1}`;
      this.#names.set(id, name);
      return name;
    });
    this.#events.push(`${atSeconds.padStart(9)} s  ${who.padEnd(8)} ${short}`);
  }

  get lines(): readonly string[] {
    return this.#events;
  }

  get digest(): string {
    return hash('sha256', this.#events.join('\n')).slice(0, 16);
  }
}
