// The checkpoints in what people keep: signed notes, or a webhook or report that has one as a member.
import { MalformedError } from './shape.ts';

const FIRST_LINE = /\n(?=proctoring-recordings\/)/;

/** Their signatures still have to be checked. @throws MalformedError */
export function notesIn(kept: string): string[] {
  const text = kept.replaceAll('\r\n', '\n').trim();
  if (text.startsWith('{')) return [memberOf(text)];
  return text.split(FIRST_LINE).map((note) => {
    if (!note.includes('\n\n')) throw new MalformedError('this is neither a checkpoint nor JSON that has one');
    // An editor or a form may have taken the end of the last line, or added lines.
    return `${note.trimEnd()}\n`;
  });
}

function memberOf(text: string): string {
  const note = checkpointOf(parse(text));
  if (note === undefined) throw new MalformedError('the JSON has no member "checkpoint" that is a text');
  return note;
}

/** Of the JSON itself, or of the event in it. */
function checkpointOf(value: unknown): string | undefined {
  const { checkpoint, data } = (value ?? {}) as Record<string, unknown>;
  const { checkpoint: inEvent } = (data ?? {}) as Record<string, unknown>;
  return [checkpoint, inEvent].find((note) => typeof note === 'string');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MalformedError('this is not JSON');
  }
}
