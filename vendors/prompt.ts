/** Prompts with `{{variables}}` in them. Pure. */

/** Any name that a column may have; `{{"json": 1}}` is text. */
const VARIABLE = /\{\{\s*([\p{L}_](?:[\p{L}\p{M}\p{N} _.-]*[\p{L}\p{M}\p{N}_.-])?)\s*\}\}/gu;

/** Names in the order in which they first stand in the prompt. */
export function promptVariables(prompt: string): string[] {
  return [...new Set([...prompt.matchAll(VARIABLE)].map((match) => match[1] ?? ''))];
}

/** @throws RangeError that names a variable without a value. What stands in a value is never read as a variable. */
export function renderPrompt(prompt: string, values: Readonly<Record<string, string>>): string {
  return prompt.replace(VARIABLE, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new RangeError(`the prompt's variable {{${name}}} has no value`);
    return value;
  });
}
