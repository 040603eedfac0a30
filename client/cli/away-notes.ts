/** What somebody who waits is told while a server is away. */
import type { Patience } from '../operations/backend/patience';
import { instantText } from '../operations/time-text';
import { note } from './output';

/** Says each reason once, with since when, and when the server is back. */
export function awayNotes(say: (line: string) => void = note): NonNullable<Patience['onAway']> {
  let said = '';
  return (reason, since) => {
    const line =
      reason === null
        ? `It can be seen again how things stand; nobody could since ${instantText(since)}.`
        : `${reason} (since ${instantText(since)}). The work itself goes on when it can; still waiting.`;
    if (line !== said) say(line);
    said = line;
  };
}
