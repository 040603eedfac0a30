/** `sluice doctor`: checks this machine and these settings, and says how to mend what is wrong. */
import type { Command } from 'commander';
import { SettingsError } from '../../../settings';
import { type Check, checkNode, examineMachine } from '../../operations/diagnosis/doctor';
import { call, contextOf } from '../command';
import { print, printJson } from '../output';

export async function runDoctor(options: { readonly json?: boolean }, command: Command): Promise<void> {
  const checks = await allChecks(command);
  if (options.json) printJson(checks);
  else {
    const width = Math.max(...checks.map((check) => check.name.length));
    for (const { result, name, detail } of checks) {
      const shown = detail.replaceAll('\n', `\n${' '.repeat(width + 8)}`);
      print(`${result.padEnd(4)}  ${name.padEnd(width)}  ${shown}`);
    }
  }
  if (checks.some((check) => check.result === 'fail')) process.exitCode = 1;
}

async function allChecks(command: Command): Promise<Check[]> {
  try {
    const context = contextOf(command);
    const file = context.settings.file ?? 'no file, only the environment';
    return [{ name: 'Settings', result: 'ok', detail: file }, ...(await call(examineMachine, context, {}))];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return [checkNode(process.versions.node), { name: 'Settings', result: 'fail', detail: error.message }];
  }
}
