/** Prompts with `{{variables}}` in them. Pure. */

const VARIABLE = /\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}/g;

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
