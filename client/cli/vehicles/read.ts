/** `sluice vehicle read`: one read of one vehicle, for people: value, unit, age, source, and until when nothing fresher. */
import type { Command } from 'commander';
import type { StoredValue } from '../../../store/reads/answers';
import { UsageError } from '../../operations/errors';
import { lengthText, pluralText, relativeText } from '../../operations/time-text';
import { readVehicle, type ServedRead } from '../../operations/vehicles/vehicles';
import { call, contextOf, several } from '../command';
import { note, print, printJson, table } from '../output';
import { staleText } from './stale-text';

interface ReadOptions {
  readonly account?: string;
  readonly maxAge?: string;
  readonly param?: readonly string[];
  readonly force?: boolean;
  readonly timeout?: string;
  readonly user?: string;
  readonly json?: boolean;
}

const HELP = `
What is stored is shown as long as it is no older than the read's own age, or --max-age. Otherwise the vendor is asked,
once for all who ask at the same time. Where no call can be made, the last answer is shown with its age, and until when
nothing fresher can be had.

Exit codes:
  0  an answer, however old
  1  nothing is stored, and no call can be made now; the message says until when
  2  something given is wrong; nothing was sent`;

const LONGEST_VALUE = 80;

export function addVehicleRead(vehicle: Command): void {
  vehicle
    .command('read <vehicle> <read>')
    .description('what a vehicle says: state, telematics, position …, as its vendor names it')
    .option('--account <name>', 'account that it is of, when several have it')
    .option('--max-age <length>', 'how old the answer may be; 0: ask now')
    .option('--param <name=value>', 'parameter of the read; may be given several times', several)
    .option('--force', 'ask although it has failed lately or the vendor refuses it')
    .option('--timeout <length>', 'longest wait for leave to call')
    .option('--user <name>', 'end user on whose behalf, whose reads a minute are limited')
    .option('--json', 'JSON')
    .addHelpText('after', HELP)
    .action(read);
}

async function read(vehicle: string, name: string, options: ReadOptions, command: Command): Promise<void> {
  const { account, maxAge, force, timeout, user, json } = options;
  const served = await call(readVehicle, contextOf(command), {
    vehicle,
    read: name,
    params: paramsOf(options.param ?? []),
    ...{ account, maxAge, force, timeout, user },
  });
  if (json) printJson(readVehicle.json(served));
  else printRead(served, Date.now());
}

function paramsOf(given: readonly string[]): Record<string, string> {
  const params = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`--param: "${text}" must be name=value such as from=2026-11-01`);
    const name = text.slice(0, at);
    if (params.has(name)) throw new UsageError(`--param: ${name} is given twice`);
    params.set(name, text.slice(at + 1));
  }
  return Object.fromEntries(params);
}

const SERVED = { call: 'just asked', database: 'stored', memory: 'stored' } as const;

function printRead(served: ServedRead, now: number): void {
  const { answer } = served;
  const values = Object.entries(answer.values);
  const rows = values.map(([name, value]) => [
    name,
    valueText(value),
    value.unit ?? '',
    value.at === null ? '' : relativeText(value.at, now),
    value.source,
  ]);
  if (rows.length > 0) print(table(['value', '', 'unit', 'as of', 'by'], rows));
  for (const record of answer.records ?? []) print(JSON.stringify(record));
  if (answer.document) {
    const bytes = Math.floor((answer.document.base64.length * 3) / 4);
    print(`${answer.document.contentType}, ${bytes} bytes (--json holds it)`);
  }
  const what = [
    values.length > 0 ? pluralText(values.length, 'value') : '',
    answer.records === null ? '' : pluralText(answer.records.length, 'record'),
    answer.document ? 'a picture' : '',
  ].filter(Boolean);
  const id = served.requestId === null ? '' : `, request ${served.requestId}`;
  note(
    `${served.read} of ${served.vehicleId}: ${what.join(', ') || 'no values'}, ${SERVED[served.servedFrom]}, ${lengthText(served.ageMs)} old, by ${served.source}${id}`,
  );
  if (served.stale !== null) note(`nothing fresher: ${staleText(served.stale, now)}`);
}

function valueText({ state, value }: StoredValue): string {
  if (state !== 'value') return state === 'null' ? '(null)' : '(not available)';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE - 1)}…`;
}
