/** What can be done with a MyBMW account, in the words of vendors/capabilities/. Nothing is sent here. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../quota/durations';
import { recordedVinProblem } from '../bmw/vin';
import type { CommandDescription, CommandsApi, DeviceCommand } from '../capabilities/commands';
import type { ReadDescription, ReadRequest, VehiclesApi } from '../capabilities/vehicles';
import type { HttpRequest } from '../http';
import { describeVehicle, parseTree, parseVehicleList } from './contract';
import { parseCreated, parseEventPosition, parseEventStatus } from './events';
import { OPERATIONS } from './limits';
import { authorize, serviceRequest } from './requests';
import type { MyBmwAccount } from './settings';

const ATTRIBUTE = 'vin';

export function mybmwVehicles(account: MyBmwAccount): VehiclesApi {
  const { paths, staleness } = account;
  const plain = { params: {}, needsResource: false };
  const reads: readonly (ReadDescription & { request(vin: string): HttpRequest })[] = [
    {
      ...plain,
      name: 'profile',
      about: 'what the vehicle is: brand, model, drive train, software',
      operation: OPERATIONS.profile,
      staleMs: staleness.profile * DAY_MS,
      request: (vin) => serviceRequest(account, 'GET', paths.profile, { vin }),
    },
    {
      ...plain,
      name: 'state',
      about: 'what the vehicle last said: doors, windows, mileage, fuel, battery, position, tyres, services',
      operation: OPERATIONS.state,
      staleMs: staleness.state * MINUTE_MS,
      request: (vin) =>
        serviceRequest(account, 'GET', paths.state, {
          vin,
          query: { apptimezone: '0', appDateTime: String(Date.now()) },
        }),
    },
    {
      ...plain,
      name: 'charging',
      about: 'charging settings and timers, of vehicles that charge',
      operation: OPERATIONS.charging,
      staleMs: staleness.charging * MINUTE_MS,
      request: (vin) =>
        serviceRequest(account, 'GET', paths.charging, {
          vin,
          query: { fields: 'charging-profile', has_charging_settings_capabilities: 'true' },
          headers: { 'bmw-current-date': new Date().toISOString() },
        }),
    },
  ];
  const find = (name: string) => {
    const read = reads.find((one) => one.name === name);
    if (read) return read;
    throw new RangeError(`"${name}" is not read here (${reads.map((one) => one.name).join(', ')})`);
  };
  return {
    operation: OPERATIONS.vehicles,
    caller: 'vehicles',
    vehicleAttribute: ATTRIBUTE,
    timeoutMs: account.timeoutSeconds * SECOND_MS,
    listStaleMs: staleness.vehicles * HOUR_MS,
    reads: reads.map(({ request: _, ...description }) => description),
    vehicleIdProblem: recordedVinProblem,
    authorize,
    vehicles: () => serviceRequest(account, 'POST', paths.vehicleList),
    parseVehicles: parseVehicleList,
    read: (name, { vehicleId }: ReadRequest) => find(name).request(vehicleId),
    parseRead: (_, body) => parseTree(body),
    describe: (name, answer) => (name === 'profile' ? describeVehicle(answer, account.brand) : null),
  };
}

const ACTION = { name: 'action', values: ['start', 'stop'], fallback: 'start' } as const;

/**
 * What is done to a car whose state is unknown afterwards is never done a second time on doubt. To ask where it is does
 * nothing to it; lights, horn and climate are repeated by whoever says so.
 */
const COMMANDS: readonly (CommandDescription & { readonly service: string })[] = [
  { code: 'lock', service: 'door-lock', about: 'locks the doors', params: [], repeat: 'never' },
  { code: 'unlock', service: 'door-unlock', about: 'unlocks the doors', params: [], repeat: 'never' },
  { code: 'flash', service: 'light-flash', about: 'flashes the lights', params: [], repeat: 'on request' },
  { code: 'horn', service: 'horn-blow', about: 'sounds the horn', params: [], repeat: 'on request' },
  {
    code: 'climate',
    service: 'climate-now',
    about: 'starts or stops heating, cooling or ventilation',
    params: [ACTION],
    repeat: 'on request',
  },
  {
    code: 'finder',
    service: 'vehicle-finder',
    about: 'has the car report where it is',
    params: [],
    repeat: 'always',
  },
  {
    code: 'start-charging',
    service: 'start-charging',
    about: 'starts charging',
    params: [],
    repeat: 'on request',
  },
  {
    code: 'stop-charging',
    service: 'stop-charging',
    about: 'stops charging',
    params: [],
    repeat: 'on request',
  },
];
const OF_CHARGING: ReadonlySet<string> = new Set(['start-charging', 'stop-charging']);

/** As the platform's own clients ask. */
const POLL_MS = 3500;
const LONGEST_MS = 240 * SECOND_MS;

export function mybmwCommands(account: MyBmwAccount): CommandsApi {
  const { paths } = account;
  return {
    caller: 'command',
    deviceAttribute: ATTRIBUTE,
    timeoutMs: account.timeoutSeconds * SECOND_MS,
    known: COMMANDS.map(({ service: _, ...description }) => description),
    forms: [
      {
        operation: () => OPERATIONS.command,
        request: (command) => commandRequest(account, command),
        parse: parseCreated,
        isUnsupported: () => false,
      },
    ],
    results: {
      operation: OPERATIONS.eventStatus,
      request: (eventId) => serviceRequest(account, 'POST', paths.eventStatus, { query: { eventId } }),
      parse: parseEventStatus,
      polling: { firstMs: POLL_MS, factor: 1, maxMs: POLL_MS, longestMs: LONGEST_MS },
      finding: {
        operation: OPERATIONS.eventPosition,
        of: ['finder'],
        request: (eventId) =>
          serviceRequest(account, 'POST', paths.eventPosition, {
            query: { eventId },
            headers: observer(account),
          }),
        parse: parseEventPosition,
      },
    },
    password: null,
    deviceIdProblem: recordedVinProblem,
    authorize,
  };
}

/** Some cars report where they are only to somebody nearby. */
function observer({ observer: at }: MyBmwAccount): Readonly<Record<string, string>> {
  return at === undefined ? {} : { latitude: String(at.latitude), longitude: String(at.longitude) };
}

function commandRequest(account: MyBmwAccount, { deviceId, code, params }: DeviceCommand): HttpRequest {
  const { service } = COMMANDS.find((command) => command.code === code) ?? {};
  if (service === undefined) throw new RangeError(`"${code}" is no command of MyBMW`);
  const rest = { headers: { 'content-type': 'application/json' }, body: '{}' };
  const { chargingCommands, remoteCommands } = account.paths;
  if (OF_CHARGING.has(code)) {
    return serviceRequest(
      account,
      'POST',
      `${chargingCommands}/${encodeURIComponent(deviceId)}/${service}`,
      rest,
    );
  }
  const [action] = params;
  return serviceRequest(account, 'POST', `${remoteCommands}/${service}`, {
    ...rest,
    vin: deviceId,
    ...(action === undefined ? {} : { query: { action: action.toUpperCase() } }),
  });
}
