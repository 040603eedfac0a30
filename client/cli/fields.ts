/**
 * Maps a field of a use case to its name on the command line: an option such as `--from`, or an argument such as
 * `dataset`. The names are those of the running command.
 */
import type { Command } from 'commander';
import type { OperationError } from '../operations/errors';

/** Fields whose option is not called the same: those that are given several times are singular, others shorter. */
const NAMES: Readonly<Record<string, string>> = {
  devices: 'device',
  fields: 'fieldFrom',
  limits: 'limit',
  maxConcurrency: 'concurrency',
  params: 'param',
  pauseHours: 'pauseDuration',
};

/** `--from`, or `dataset` for an argument; null when the command has neither. @param field such as `from` or `devices.0`. */
export function fieldName(command: Command, field: string): string | null {
  const [top = ''] = field.split('.');
  const name = NAMES[top] ?? top;
  for (let at: Command | null = command; at !== null; at = at.parent) {
    if (at.registeredArguments.some((argument) => argument.name() === name)) return name;
    const option = at.options.find((one) => one.attributeName() === name);
    if (option) return option.long ?? option.flags;
  }
  return null;
}

/** An error as the command line says it: a line for each problem, with options in place of fields. */
export function errorText(error: OperationError, command: Command | null): string {
  const nameOf = (field: string) => (command && fieldName(command, field)) ?? field;
  return error.problems
    .map(({ field, message }) => {
      const text = message.replace(/`([a-z]\w*)`/gi, (quoted, other: string) =>
        command !== null && fieldName(command, other) !== null ? nameOf(other) : quoted,
      );
      return field === null ? text : `${nameOf(field)}: ${text}`;
    })
    .join('\n');
}
