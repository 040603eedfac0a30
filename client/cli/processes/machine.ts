/**
 * Commands that run processes on this machine: demo, up, down, doctor, simulate. Their modules are loaded only when
 * one of them runs, because loading takes most of the time of any other command.
 */
import { type Command, Option } from 'commander';
import { BMW_DEMO_HELP } from '../demo/bmw-help';
import type { DemoOptions } from '../demo/demo';
import { FLEET_DEMO_HELP } from '../demo/fleet-help';
import { scenarioHelp, simulate } from './simulate';

interface UpOptions {
  readonly detach?: boolean;
  readonly supervise?: boolean;
}

export function addMachine(program: Command): void {
  const demo = program
    .command('demo')
    .description('run everything on this machine against a simulated Amazon (npm start)')
    .option('--once', 'end when the backfill is complete, and stop what was started')
    .option('--days <n>', 'how many days to fill, 1 to 30', '30')
    .option('--fresh', 'start over in a new state folder; the old one is kept')
    .option('--no-refusal', 'do not let the vendor refuse in the middle')
    .option('--json', 'one JSON object a line')
    .action(async (options: DemoOptions) => (await import('../demo/demo.js')).runDemo(options));
  demo
    .command('gps51')
    .description('run the six functions of a GPS51 account together, then show what each limit saw')
    .option('--for <length>', 'how long', '2m')
    .option('--commands', "send commands to devices of the settings' account, too")
    .option('--end-user <name>', "check this end user of the settings' account, too")
    .option('--simulator', "the settings' account leads to a simulator of Sluice: ask it what each limit saw")
    .option('--password-from <reference>', "the end user's: env:NAME or file:PATH (default: standard input)")
    .option('--json', 'one JSON object a line')
    .addHelpText('after', FLEET_DEMO_HELP)
    .action(async (options: unknown, command: Command) =>
      (await import('../demo/fleet.js')).runFleetDemo(options, command),
    );
  demo
    .command('bmw')
    .description("run both of BMW's vendors against their simulators, then show what each limit saw")
    .option('--for <length>', 'how long', '2m')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', BMW_DEMO_HELP)
    .action(async (options: unknown, command: Command) =>
      (await import('../demo/bmw.js')).runBmwDemo(options, command),
    );
  program
    .command('up')
    .description('start Postgres and Temporal, as far as the settings name none, a worker, and the syncs')
    .option('--detach', 'leave it all running and return; what ends by itself is started again')
    .addOption(new Option('--supervise', 'what --detach leaves behind').hideHelp())
    .action(async (options: UpOptions, command: Command) => {
      const { supervise, up } = await import('./up.js');
      await (options.supervise ? supervise(command) : up(options.detach === true, command));
    });
  program
    .command('down')
    .description('stop everything that runs for this folder; the data stays')
    .action(async () => (await import('./up.js')).down());
  program
    .command('doctor')
    .description('check this machine, the settings and what they name; exit code 1 when something fails')
    .option('--json', 'JSON')
    .action(async (options: { readonly json?: boolean }, command: Command) => {
      const { runDoctor } = await import('./doctor.js');
      await runDoctor(options, command);
    });
  program
    .command('simulate')
    .description('run a simulated vendor in the foreground, as a real HTTP server on this machine')
    .argument('<vendor>', 'whom, e.g. openai; `simulate <vendor> --help` says what a scenario can hold')
    .option('--port <port>', 'port on 127.0.0.1 (default: any)')
    .option('--scenario <file>', 'JSON or YAML: limits, faults, data, delays')
    .option('--state <file>', 'journal, from which a later run goes on')
    .addHelpText('after', ({ command }) => scenarioHelp(command.args[0], command))
    .action(simulate);
}
