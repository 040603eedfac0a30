/** Shared by all commands: the context from the global options, and how a command calls a use case. */
import type { Command } from 'commander';
import { type Context, loadContext } from '../operations/backend/context';
import { note } from './output';

/** The context of a command's action; `command` is the last argument that commander hands to it. */
export function contextOf(command: Command): Context {
  const { settings } = command.optsWithGlobals<{ settings?: string }>();
  return loadContext({ settings, note });
}

/** Calls a use case with what was typed: texts as they stand, for it checks them itself. */
export function call<Input, Result, More extends unknown[]>(
  operation: (context: Context, input: Input, ...more: More) => Promise<Result>,
  context: Context,
  typed: Readonly<Record<string, unknown>>,
  ...more: More
): Promise<Result> {
  const given = Object.entries(typed).filter(([, value]) => value !== undefined);
  return operation(context, Object.fromEntries(given) as Input, ...more);
}

/** For an option that may be given several times. */
export const several = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];
