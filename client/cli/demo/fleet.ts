/**
 * `sluice demo gps51`: runs all six functions of a GPS51 account for a while, against a simulated GPS51 or the account
 * of the settings; then shows how much of each limit was used, and by whom.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Pool } from 'pg';
import { withDatabase, withTemporal } from '../../operations/backend/context';
import { workerPolls } from '../../operations/datasets/work';
import { type EndUser, type FleetDemo, startFleetDemo } from '../../operations/demo/fleet';
import { FleetDemoWork, type Tally } from '../../operations/demo/fleet-work';
import { type FunctionUse, type Spending, spendingOf, spent } from '../../operations/demo/spending';
import { readPassword } from '../../operations/secrets/password';
import { countText, isoOrNull, lengthText, pluralText, relativeText } from '../../operations/time-text';
import { parseLength } from '../arguments';
import { contextOf } from '../command';
import { untilInterrupted } from '../interrupt';
import { note, print, printJsonLine } from '../output';
import { limitsTable, spentTable, untilWorker } from './spending';

export interface FleetDemoOptions {
  readonly for: string;
  readonly commands?: boolean;
  readonly endUser?: string;
  readonly passwordFrom?: string;
  readonly simulator?: boolean;
  readonly json?: boolean;
}

const SHOW_EVERY_MS = 5_000;

interface Summary extends Spending {
  readonly tally: Tally;
}

export async function runFleetDemo(_: unknown, command: Command): Promise<void> {
  const options = command.optsWithGlobals<FleetDemoOptions>();
  const forMs = parseLength('--for', options.for);
  const json = options.json === true;
  const say = (line: string) => (json ? printJsonLine({ type: 'note', text: line }) : print(line));
  const endUser = await endUserOf(options);
  const interrupt = untilInterrupted();
  say('Starting Postgres, Temporal, GPS51 and a worker …');
  const demo = await startFleetDemo(
    () => contextOf(command),
    (line) => say(`  ${line}`),
    {
      endUser,
      isSimulator: options.simulator === true,
    },
  );
  const { settings } = demo.context;
  try {
    await withDatabase(demo.context, (db) =>
      withTemporal(demo.context, async (client) => {
        await untilWorker(() => workerPolls(client, settings.temporal.taskQueue), interrupt.signal);
        const withCommands = demo.everyMs !== null || options.commands === true;
        const work = new FleetDemoWork(demo, client, db, withCommands);
        const over = new AbortController();
        interrupt.signal.addEventListener('abort', () => over.abort());
        const began = Date.now();
        await work.start(over.signal);
        const { temporal } = demo.servers;
        const where = temporal ? `; Web UI ${temporal.uiUrl}` : '';
        say(`${functionsText(withCommands, demo.endUser !== null)} for ${lengthText(forMs)}${where}`);
        if (demo.everyMs !== null) {
          say(
            `A minute of the simulated vendor lasts ${lengthText(demo.everyMs.positions)}, a day of a device 1 min.`,
          );
        }
        while (!interrupt.signal.aborted && Date.now() - began < forMs) {
          const left = began + forMs - Date.now();
          await delay(Math.min(SHOW_EVERY_MS, left), undefined, { signal: interrupt.signal }).catch(
            () => undefined,
          );
          const [functions, tally] = await Promise.all([
            spent(db, demo.account.poolKey, began),
            work.tally(),
          ]);
          if (json)
            printJsonLine({ type: 'progress', at: isoOrNull(Date.now()), functions, ...tallyJson(tally) });
          else print(`${lengthText(Date.now() - began).padEnd(11)}${progressText(functions, tally)}`);
        }
        over.abort();
        await work.stop();
        // Counts are written every second.
        await delay(1500);
        await report(await summary(db, demo, began, work), demo, json);
      }),
    );
  } finally {
    say('Stopping.');
    await demo.stop();
    interrupt.done();
  }
}

/** Whose credentials are checked where the settings name the account; null: nobody's. */
async function endUserOf({ endUser, passwordFrom }: FleetDemoOptions): Promise<EndUser | null> {
  if (endUser === undefined) return null;
  const prompt = `Password of ${endUser}: `;
  const password = await readPassword(passwordFrom, process.stdin, prompt, { warn: note });
  return { username: endUser, password };
}

/** What runs, and how to have the rest. */
function functionsText(withCommands: boolean, withEndUser: boolean): string {
  const missing = [
    ...(withCommands ? [] : ['commands (--commands)']),
    ...(withEndUser ? [] : ['checks of an end user (--end-user)']),
  ];
  if (missing.length === 0) return 'All six functions run';
  const number = missing.length === 1 ? 'Five' : 'Four';
  return `${number} of the six functions, all but ${missing.join(' and ')}, run`;
}

async function summary(db: Pool, demo: FleetDemo, began: number, work: FleetDemoWork): Promise<Summary> {
  const spending = await spendingOf(db, demo.account.poolKey, demo.simulatorUrl, began);
  return { ...spending, tally: await work.tally() };
}

function progressText(functions: readonly FunctionUse[], tally: Tally): string {
  const calls = functions.reduce((sum, f) => sum + f.calls, 0);
  const refused = functions.reduce((sum, f) => sum + f.refused, 0);
  const { positions, trips, history, commands, users } = tally;
  const newest =
    positions.newestAt === null ? '' : `, newest ${relativeText(positions.newestAt, Date.now())}`;
  return [
    `${countText(calls)} calls, ${refused} refused`,
    `positions ${positions.located}/${positions.devices}${newest}`,
    `trips ${countText(trips)}`,
    `history ${history.done}/${history.total}`,
    `commands ${namedText(commands)}`,
    `users ${namedText(users)}`,
  ].join('; ');
}

/** `4 confirmed, 1 offline`; `none`. */
function namedText(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .map(([name, n]) => `${n} ${name}`)
      .join(', ') || 'none'
  );
}

async function report({ limits, functions, tally }: Summary, demo: FleetDemo, json: boolean): Promise<void> {
  const exceeded = limits.filter((l) => (l.refused ?? 0) > 0 || (l.most ?? 0) > l.allowed);
  const refused = functions.reduce((sum, f) => sum + f.refused, 0);
  // A vendor that cannot be asked has its say in its answers.
  if (exceeded.length > 0 || (demo.simulatorUrl === null && refused > 0)) process.exitCode = 1;
  if (json) {
    printJsonLine({ type: 'summary', limits, functions, ...tallyJson(tally), exceeded: exceeded.length });
    return;
  }
  print('');
  print(
    demo.simulatorUrl === null ? 'What each limit saw (the vendor cannot be asked):' : 'What each limit saw:',
  );
  print(limitsTable(limits));
  print('');
  print('Who spent what:');
  print(spentTable(functions));
  print('');
  print(progressText(functions, tally));
  for (const problem of tally.problems) print(`  problem: ${problem}`);
  print(
    demo.simulatorUrl === null
      ? `The vendor refused ${refused === 0 ? 'no call' : pluralText(refused, 'call')} as too many or too fast.`
      : exceeded.length === 0
        ? 'No limit was exceeded.'
        : `Exceeded: ${exceeded.map((l) => l.limit).join(', ')}`,
  );
}

function tallyJson(tally: Tally) {
  const { positions } = tally;
  return { ...tally, positions: { ...positions, newestAt: isoOrNull(positions.newestAt) } };
}
