// The sample files stand in their pages as they are; test/browser/example-pages.test.ts and
// test/webhooks/dispatcher.test.ts run them.
import { expect, test } from '@jest/globals';
import { blocksOf, read } from './blocks.ts';

test.each([
  ['docs/html-page.md', 'html', 'docs/examples/browser/exam.html'],
  ['docs/html-page.md', 'tsx', 'docs/examples/browser/exam-recording.tsx'],
  ['docs/reviewer-page.md', 'html', 'docs/examples/browser/review.html'],
  ['docs/webhooks.md', 'ts', 'docs/examples/webhook-receiver.ts'],
])('%s shows the %s of %s', async (page, language, file) => {
  expect(await blocksOf(page, language)).toEqual([await read(file)]);
});
