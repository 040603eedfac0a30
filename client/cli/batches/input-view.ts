/** What a person should know of a batch's input and terms before it is worked on. */
import type { Command } from 'commander';
import type { VoidTerm } from '../../../quota/batches/run-terms';
import type { InputReport } from '../../operations/batches/request';
import { countText } from '../../operations/time-text';
import { fieldName } from '../fields';

export function inputLines(input: InputReport, promptFile: string): readonly string[] {
  const lines = [...commentLines(input)];
  if (input.asksTheSame) {
    const columns = input.columns.map((name) => `{{${name}}}`).join(', ');
    lines.push(
      `${promptFile} names no column (${columns}): all ${countText(input.items)} items ask the same.`,
    );
  }
  if (input.badCount > 0) {
    lines.push(...input.bad.map(({ line, reason }) => `  line ${line}: ${reason}`));
    const more = input.badCount - input.bad.length;
    if (more > 0) lines.push(`  and ${countText(more)} more`);
    lines.push(`${countText(input.badCount)} bad rows are left out.`);
  }
  return lines;
}

function commentLines({ comments: { count, firstLine } }: InputReport): readonly string[] {
  if (count === 0) return [];
  if (count === 1) {
    return [`line ${firstLine} begins with # and is left out as a comment; --no-comments makes rows of it.`];
  }
  return [
    `${countText(count)} lines begin with # and are left out as comments (the first is line ${firstLine}); --no-comments makes rows of them.`,
  ];
}

/** `--daily-limit 5000: the account's own … hold`. */
export function voidTermLines(command: Command, terms: readonly VoidTerm[]): readonly string[] {
  return terms.map(({ term, value, why }) => `${fieldName(command, term) ?? term} ${value}: ${why}`);
}
