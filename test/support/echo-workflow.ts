import { ApplicationFailure, condition, defineSignal, setHandler } from '@temporalio/workflow';

export const nudge = defineSignal<[string]>('nudge');

/** Waits for a signal; gives back what it was given, or fails with it. */
export async function echo(input: { readonly text: string; readonly fail: boolean }): Promise<string> {
  let word: string | null = null;
  setHandler(nudge, (given) => {
    word = given;
  });
  await condition(() => word !== null);
  if (input.fail) throw ApplicationFailure.nonRetryable(`failed with ${input.text}`);
  return `${input.text} ${word}`;
}
