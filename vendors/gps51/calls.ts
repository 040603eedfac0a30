/** Requests of GPS51's Open API, and what their answers mean in the words of vendors/capabilities/. Nothing is sent here. */
import { createHash } from 'node:crypto';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../quota/durations';
import type { Span } from '../../quota/windows/chunks';
import type { CommandsApi, DeviceCommand } from '../capabilities/commands';
import type { EndUsersApi } from '../capabilities/end-users';
import type { FleetApi, FleetDevice } from '../capabilities/fleet';
import type { LoginApi } from '../capabilities/login';
import type { HttpRequest } from '../http';
import { parseDevices, parsePositions, parseTrack, parseTrips } from './contract';
import { callsADay } from './limits';
import { parseLogin, parsePolled, parseQueued, parseSent } from './results';
import type { Gps51Account } from './settings';
import { WIRE_TIMEZONE_HOURS, wireTime } from './time';

/** "Not yet carried out", as a new command is sent. */
const NEW_COMMAND = -1;

export function gps51Login(account: Gps51Account): LoginApi {
  return {
    operation: 'login',
    credentials: { password: account.password },
    request: ({ password = '' }) => loginRequest(account, account.loginType, account.username, password),
    parse: (body) => parseLogin(body, account.tokenHours * HOUR_MS),
  };
}

export function gps51Fleet(account: Gps51Account): FleetApi {
  return {
    operations: {
      devices: 'querymonitorlist',
      positions: 'lastposition',
      trips: 'querytrips',
      track: 'querytracks',
    },
    callers: {
      positions: 'gps-data',
      trips: 'sync-trips-incremental',
      history: 'gps-history-backfill',
      login: 'gps-auth',
    },
    attributes: { egressIp: account.egressIp },
    deviceAttribute: 'deviceId',
    timeoutMs: account.timeoutSeconds * SECOND_MS,
    // A device and a day is the unit of its limit; nothing longer is documented to work.
    maxSpanMs: DAY_MS,
    authorize,
    devices: () => post(account, 'querymonitorlist', { username: account.username }),
    parseDevices,
    limitsOf: (devices, nowMs) => [
      { limit: 'account-per-day', capacity: callsADay(validDevices(devices, nowMs)) },
    ],
    positions: (deviceIds, cursor) =>
      post(account, 'lastposition', {
        username: account.username,
        deviceids: deviceIds,
        lastquerypositiontime: cursorNumber(cursor),
      }),
    parsePositions,
    trips: (deviceId, span) => post(account, 'querytrips', spanBody(deviceId, span)),
    parseTrips,
    track: (deviceId, span) => post(account, 'querytracks', spanBody(deviceId, span)),
    parseTrack,
  };
}

export function gps51Commands(account: Gps51Account): CommandsApi {
  return {
    caller: 'execute-vehicle-command',
    deviceAttribute: 'deviceId',
    timeoutMs: account.timeoutSeconds * SECOND_MS,
    // What a device understands is its maker's affair.
    known: null,
    forms: [
      {
        operation: () => 'sendcmd',
        request: (command, password) => post(account, 'sendcmd', commandBody(command, password)),
        parse: parseSent,
        isUnsupported: (code) => code === '8901',
      },
      {
        operation: () => 'sendcommand',
        request: (command, password) => post(account, 'sendcommand', commandBody(command, password)),
        parse: parseQueued,
        isUnsupported: () => false,
      },
    ],
    results: {
      operation: 'querycommand',
      request: (commandId) => post(account, 'querycommand', { commandid: commandId }),
      parse: (body, commandId, deviceId) => parsePolled(body, { commandId, deviceId }),
      polling: { firstMs: SECOND_MS, factor: 2, maxMs: 16 * SECOND_MS, longestMs: null },
    },
    password: account.commandPassword ?? null,
    deviceIdProblem: () => null,
    authorize,
  };
}

export function gps51EndUsers(account: Gps51Account): EndUsersApi {
  return {
    operations: { login: 'user-login', devices: 'user-querymonitorlist' },
    caller: 'gps51-user-auth',
    attribute: 'userClass',
    timeoutMs: account.timeoutSeconds * SECOND_MS,
    login: (username, password) => loginRequest(account, 'USER', username, password),
    parseLogin: (body) => parseLogin(body, account.tokenHours * HOUR_MS),
    authorize,
    devices: (username) => post(account, 'querymonitorlist', { username }),
    parseDevices,
  };
}

function post(account: Gps51Account, action: string, body: Readonly<Record<string, unknown>>): HttpRequest {
  const url = new URL(account.baseUrl);
  url.searchParams.set('action', action);
  return {
    method: 'POST',
    url: url.toString(),
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
}

/** The password travels as the MD5 of it, in hex: that is the vendor's protocol. */
function loginRequest(
  account: Gps51Account,
  type: Gps51Account['loginType'],
  username: string,
  password: string,
): HttpRequest {
  return post(account, 'login', {
    type,
    from: 'web',
    username,
    password: createHash('md5').update(password, 'utf8').digest('hex'),
    browser: 'Sluice',
  });
}

/** @param token as parseLogin made it. The URL then holds a secret. */
function authorize(request: HttpRequest, token: string): HttpRequest {
  const { token: sent, serverid } = JSON.parse(token) as { token: string; serverid: string };
  const url = new URL(request.url);
  url.searchParams.set('token', sent);
  if (serverid !== '') url.searchParams.set('serverid', serverid);
  return { ...request, url: url.toString() };
}

/** The vendor reads whole seconds: the span is widened to them, and what then comes twice has the same key. */
function spanBody(deviceId: string, { from, to }: Span): Record<string, unknown> {
  return {
    deviceid: deviceId,
    begintime: wireTime(from),
    endtime: wireTime(Math.ceil(to / SECOND_MS) * SECOND_MS),
    timezone: WIRE_TIMEZONE_HOURS,
  };
}

function commandBody(
  { deviceId, code, params }: DeviceCommand,
  password: string | null,
): Record<string, unknown> {
  return {
    deviceid: deviceId,
    cmdcode: code,
    params,
    state: NEW_COMMAND,
    ...(password === null ? {} : { cmdpwd: password }),
  };
}

/** The vendor hands the cursor out as a number and wants it back as one. */
function cursorNumber(cursor: string | null): number | string {
  if (cursor === null || cursor === '') return 0;
  return /^\d{1,15}$/.test(cursor) ? Number(cursor) : cursor;
}

/** Devices whose subscription has not run out; without an end it never does. */
function validDevices(devices: readonly FleetDevice[], nowMs: number): number {
  return devices.filter(({ expiresAt }) => expiresAt === null || expiresAt > nowMs).length;
}
