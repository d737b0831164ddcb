import { expect, test } from '@jest/globals';
import { createProgress } from '../../src/commands/progress.ts';

function terminal(isTTY: boolean | undefined) {
  const written: string[] = [];
  return { isTTY, written, write: (text: string) => void written.push(text) };
}

test('a terminal sees one line that is written over, and an empty one at the end', () => {
  const screen = terminal(true);
  const progress = createProgress(screen);
  progress.show({ due: 12, deleted: 3, failed: 0 });
  progress.show({ due: 12, deleted: 9, failed: 1 });
  progress.clear();
  expect(screen.written).toEqual([
    '\r\u001b[K3 of 12 deleted, 0 failed',
    '\r\u001b[K9 of 12 deleted, 1 failed',
    '\r\u001b[K',
  ]);
});

test('a file or a pipe sees nothing', () => {
  for (const isTTY of [false, undefined]) {
    const pipe = terminal(isTTY);
    const progress = createProgress(pipe);
    progress.show({ due: 12, deleted: 3, failed: 0 });
    progress.clear();
    expect(pipe.written).toEqual([]);
  }
});
