// The table for people.
import { expect, test } from '@jest/globals';
import type { DoctorReport } from '../../src/doctor/doctor.ts';
import { toTable } from '../../src/doctor/table.ts';

const REPORT: DoctorReport = {
  startedAt: '2026-11-23T00:00:00.000Z',
  finishedAt: '2026-11-23T00:00:01.000Z',
  endpoint: 'https://store.example',
  bucket: 'recordings',
  fit: false,
  checks: [
    { id: 'a', name: 'short', status: 'ok', reason: 'Good.', remedy: 'not shown' },
    {
      id: 'b',
      name: 'a longer name',
      status: 'failed',
      reason: `It is ${'very '.repeat(20)}bad.`,
      remedy: 'Do better.',
    },
    { id: 'c', name: 'odd', status: 'warning', reason: 'Odd.', remedy: 'Look.' },
    { id: 'd', name: 'note', status: 'info', reason: 'Note.', remedy: null },
  ],
};

test('has a mark, a name and a reason on each line, and a remedy below what is not ok', () => {
  const lines = toTable(REPORT, 200).split('\n');
  expect(lines[0]).toBe('Bucket recordings at https://store.example');
  expect(lines).toContain('✓  short          Good.');
  expect(lines).toContain('!  odd            Odd.');
  expect(lines).toContain('                  → Look.');
  expect(lines).toContain('–  note           Note.');
  expect(lines.some((line) => line.startsWith('✗  a longer name  It is very'))).toBe(true);
  expect(lines.join()).not.toContain('not shown');
  expect(lines.at(-2)).toBe('The bucket is NOT fit: 1 failed, 1 to look at.');
});

test.each([60, 80, 120])('fits %d columns', (columns) => {
  expect(
    Math.max(
      ...toTable(REPORT, columns)
        .split('\n')
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(columns);
});
