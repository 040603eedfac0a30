/** What every command shares: its context from the global options. */
import type { Command } from 'commander';
import { type Context, loadContext } from '../operations/context';
import { note } from './output';

/** The context of a command's action; `command` is the last argument that commander hands to it. */
export function contextOf(command: Command): Context {
  const { settings } = command.optsWithGlobals<{ settings?: string }>();
  return loadContext({ settings, note });
}
