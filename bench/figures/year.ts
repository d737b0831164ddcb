// Figure 4: how late the latest deletion of a simulated year is.
import { simulateYear } from '../../test/simulation/year/year.ts';
import { type Figure, noMore } from './figure.ts';

const SHORT = {
  recordings: 200,
  days: 10,
  env: {
    RETENTION_AFTER_ASSESSMENT: '5d',
    RETENTION_UNASSESSED: '6d',
    RETENTION_BY_TENANT: 'isle=2d,hill=4d',
    SWEEP_SCHEDULE: '0 */3 * * *',
  },
};

export const year: Figure = {
  number: 4,
  title: 'The latest deletion of a year',
  stores: ['memory'],
  measure: async ({ short, say }) => {
    const size = short ? SHORT : { recordings: 100_000, days: 365 };
    const onDay = (day: number) => {
      if (day % 30 === 0) say(`day ${day}`);
    };
    const { worstLatenessSeconds, figures, broken } = await simulateYear({ seed: 1, ...size, onDay });
    if (broken.length > 0) throw new Error(`broken: ${broken.join(', ')}`);
    const { swept, deleted, early } = figures;
    return {
      measurements: [
        {
          what: 'lateness of the latest deletion',
          unit: 's',
          ours: worstLatenessSeconds,
          goal: noMore(worstLatenessSeconds, 0, 's'),
        },
        { what: 'recordings deleted early without a request', unit: '', ours: early, goal: noMore(early, 0) },
        { what: 'recordings deleted', unit: '', ours: deleted },
        {
          what: 'requests of all sweeps for each recording that was deleted',
          unit: '',
          ours: swept.requests / deleted,
        },
      ],
      notes: [
        `${size.recordings.toLocaleString('en')} recordings are begun in ${size.days} days, with outages of the store, crashes, ` +
          'suspended machines and wrong clocks. Two replicas sweep every ten minutes. [The simulation](simulation.md#the-year) says what ' +
          'happens in it and how the ledger decides.',
      ],
    };
  },
};
