/** Prompts with `{{variables}}` in them. Pure. */

const BRACES = /\{\{([^{}]*)\}\}/gu;
/** What is meant for a variable whether there is such a column or not; `{{"json": 1}}` is text. */
const NAME = /^[\p{L}_](?:[\p{L}\p{M}\p{N} _.-]*[\p{L}\p{M}\p{N}_.-])?$/u;

/** Names in the order in which they first stand in the prompt. */
export function promptVariables(prompt: string): string[] {
  const names = [...prompt.matchAll(BRACES)].map((match) => (match[1] ?? '').trim());
  return [...new Set(names.filter((name) => NAME.test(name)))];
}

/**
 * A column may have any name, `2nd name (old)` too: what stands in braces and is one is filled in.
 * @throws RangeError that names a variable without a value. What stands in a value is never read as a variable.
 */
export function renderPrompt(prompt: string, values: Readonly<Record<string, string>>): string {
  return prompt.replace(BRACES, (text, inner: string) => {
    const name = inner.trim();
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value !== undefined) return value;
    if (!NAME.test(name)) return text;
    throw new RangeError(`the prompt's variable {{${name}}} has no value`);
  });
}
