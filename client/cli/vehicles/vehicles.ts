/** `sluice vehicles` and `sluice vehicle read`: what vehicles there are, and what they say. */
import type { Command } from 'commander';
import { lengthText, pluralText, relativeText } from '../../operations/time-text';
import {
  type AccountVehicles,
  listVehicles,
  refreshVehicles,
  type ShownVehicle,
  showVehicle,
} from '../../operations/vehicles/vehicles';
import { call, contextOf } from '../command';
import { note, print, printJson, table } from '../output';
import { addVehicleRead } from './read';
import { staleText } from './stale-text';

interface ListOptions {
  readonly account?: string;
  readonly maxAge?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function addVehicles(program: Command): void {
  const vehicles = program.command('vehicles').description('vehicles of accounts: list, show, refresh');
  vehicles
    .command('list')
    .description('the vehicles of an account, or of all; the vendor is asked when its list is too old')
    .option('--account <name>', 'of this account alone')
    .option('--max-age <length>', 'how old the list may be; 0: ask now (default: as the vendor says)')
    .option('--json', 'JSON')
    .action(async ({ account, maxAge, json }: ListOptions, command: Command) => {
      const lists = await call(listVehicles, contextOf(command), { account, maxAge });
      if (json) printJson(listVehicles.json(lists));
      else printLists(lists);
    });
  vehicles
    .command('refresh')
    .description('ask the vendor for the list of vehicles now')
    .option('--account <name>', 'of this account alone')
    .option('--force', 'although asking has failed lately')
    .option('--json', 'JSON')
    .action(async ({ account, force, json }: ListOptions, command: Command) => {
      const lists = await call(refreshVehicles, contextOf(command), { account, force });
      if (json) printJson(refreshVehicles.json(lists));
      else printLists(lists);
    });
  vehicles
    .command('show <vehicle>')
    .description('one vehicle, what can be read of it, and what is stored; asks nobody')
    .option('--account <name>', 'account that it is of, when several have it')
    .option('--json', 'JSON')
    .action(async (vehicle: string, { account, json }: ListOptions, command: Command) => {
      const shown = await call(showVehicle, contextOf(command), { vehicle, account });
      if (json) printJson(showVehicle.json(shown));
      else printVehicle(shown);
    });
  addVehicleRead(program.command('vehicle').description('one vehicle: read'));
}

function printLists(lists: readonly AccountVehicles[]): void {
  const rows = lists.flatMap(({ account, vehicles }) =>
    vehicles.map((one) => [
      account,
      one.vehicleId,
      one.name,
      [one.brand, one.model].filter((word) => word !== '').join(' '),
      one.driveTrain ?? '',
      one.readable ? '' : 'may not be read',
    ]),
  );
  if (rows.length > 0) print(table(['account', 'vehicle', 'name', 'model', 'drive', ''], rows));
  for (const { account, vehicles, ageMs, stale } of lists) {
    if (ageMs !== null)
      note(`${account}: ${pluralText(vehicles.length, 'vehicle')}, listed ${lengthText(ageMs)} ago`);
    const none = ageMs === null ? 'its vehicles are not known' : 'no newer list';
    if (stale !== null) note(`${account}: ${none}: ${staleText(stale, Date.now())}`);
  }
}

function printVehicle({ vehicle, reads }: ShownVehicle): void {
  const now = Date.now();
  const model = [vehicle.brand, vehicle.model].filter((word) => word !== '').join(' ');
  print(`${vehicle.vehicleId} of ${vehicle.account}: ${vehicle.name || 'no name'}`);
  if (model !== '' || vehicle.driveTrain !== null)
    print([model, vehicle.driveTrain ?? ''].filter(Boolean).join(', '));
  if (!vehicle.readable) print('The account sees it and may not read it.');
  print(`listed ${relativeText(vehicle.listedAt, now)}`);
  print();
  const rows = reads.flatMap(({ name, about, staleMs, stored }) =>
    (stored.length === 0 ? [null] : stored).map((one) => [
      name,
      one === null || Object.keys(one.params).length === 0 ? '' : JSON.stringify(one.params),
      one?.answeredAt ? relativeText(one.answeredAt, now) : 'never',
      lengthText(staleMs),
      one === null ? '' : String(one.values),
      one?.failure ? `${one.failures} failures, again ${relativeText(one.retryAt ?? now, now)}` : about,
    ]),
  );
  print(table(['read', 'parameters', 'answered', 'good for', 'values', ''], rows));
}
