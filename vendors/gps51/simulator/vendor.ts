/** GPS51 as the simulator kit sees it: which call is what, whose it is, and who answers it. */
import { DAY_MS } from '../../../quota/durations';
import type { Clock } from '../../kit/clock';
import { json } from '../../kit/server/server';
import type { Identified, SimAnswer, SimCall, SimRequest, SimulatedVendor } from '../../kit/vendor';
import { AccountDesk, type Principal } from './accounts';
import {
  type Fields,
  lastPosition,
  mileage,
  monitorList,
  textIn,
  tracks,
  trips,
  type World,
} from './answers/answers';
import { CallError, CODES, causeOf, failure, ok } from './answers/codes';
import { queryCommand, sendCmd, sendCommand } from './answers/command-answers';
import { ErrorBook } from './answers/error-book';
import { gps51Pages } from './answers/pages';
import { CommandDesk } from './commands';
import { applyGps51Control, type Gps51State, gps51ControlShape } from './control';
import { createFleet } from './fleet/fleet';
import { Motion } from './fleet/motion';
import { gps51Limits, refusalOf } from './limits';
import type { Gps51Scenario } from './options';

const PATHS = ['/openapi', '/webapi'];

export function createGps51Vendor(
  scenario: Gps51Scenario,
  record: (entry: unknown) => void,
  clock: Clock,
): SimulatedVendor {
  const fleet = createFleet(scenario.seed, scenario.fleet);
  const motion = new Motion(scenario.seed, scenario.fleet);
  const world: World = {
    seed: scenario.seed,
    fleet: scenario.fleet,
    motion,
    maxSpanMs: scenario.maxSpanDays * DAY_MS,
  };
  const accounts = new AccountDesk(scenario, fleet, record);
  const commands = new CommandDesk(scenario.seed, scenario.commands, record);
  const errors = new ErrorBook();
  for (const error of scenario.errors) errors.add(error, clock());
  const state: Gps51State = {
    missingActions: scenario.missingActions,
    refusedDevices: scenario.refusedDevices,
    whitelist: scenario.whitelist ?? null,
    shiftMs: scenario.shiftMs,
  };

  const addressOf = (request: SimRequest): string => {
    const header = scenario.ipHeader === '' ? undefined : request.headers[scenario.ipHeader.toLowerCase()];
    const named = (Array.isArray(header) ? header[0] : header)?.split(',')[0]?.trim();
    return (named || request.remoteAddress).replace(/^::ffff:/, '');
  };

  const checkToken = (request: SimRequest) => {
    const query = request.url.searchParams;
    return accounts.check(query.get('token') ?? '', query.get('serverid'), request.at);
  };

  /** The account that a call belongs to, as far as it is known before anything is checked. */
  function accountOf(action: string, request: SimRequest, body: Fields): string {
    if (action === 'login') {
      const username = String(body.username ?? '');
      return accounts.principal(username)?.chargedTo ?? 'unknown';
    }
    const checked = checkToken(request);
    return checked.status === 'unknown' ? 'unknown' : checked.principal.chargedTo;
  }

  function identify(request: SimRequest): Identified {
    const { url, method } = request;
    const action = url.searchParams.get('action') ?? '';
    const body = bodyOf(request) ?? {};
    const isApi = PATHS.includes(url.pathname) && method === 'POST';
    const known = isApi && Object.hasOwn(actions, action);
    const call: SimCall = {
      operation: known ? action : 'unknown',
      account: isApi ? accountOf(action, request, body) : 'unknown',
      attributes: {
        account: isApi ? accountOf(action, request, body) : 'unknown',
        egressIp: addressOf(request),
        deviceId: String(body.deviceid ?? '') || 'none',
        action: action || 'none',
      },
      detail: isApi ? detailOf(action, body) : { method, path: url.pathname },
    };
    return isApi
      ? { call }
      : { call, answer: json(404, { error: `${method} ${url.pathname} is not served here` }) };
  }

  /** What a call is answered after the limits have let it through. */
  function handle(request: SimRequest, call: SimCall): SimAnswer {
    const planned = errors.take(call.operation, call.account, request.at);
    const answer = planned && !planned.afterwards ? null : perform(request);
    if (planned) {
      const { code, cause, more } = planned;
      const words = cause ?? (typeof code === 'string' ? '' : causeOf(code, addressOf(request)));
      return failure(code, words, more);
    }
    return answer ?? failure(CODES.abnormal, causeOf(CODES.abnormal, ''));
  }

  function perform(request: SimRequest): SimAnswer {
    const action = request.url.searchParams.get('action') ?? '';
    const ip = addressOf(request);
    const fail = (code: number) => failure(code, causeOf(code, ip));
    if (state.whitelist && !state.whitelist.includes(ip)) return fail(CODES.ipNotWhitelisted);
    const perform = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (!perform || state.missingActions.includes(action)) return fail(CODES.noSuchAction);
    const body = bodyOf(request);
    if (body === null) return failure(CODES.parameter, 'parameter error: the body is not a JSON object');
    try {
      if (action === 'login') return login(body, request.at);
      const checked = checkToken(request);
      if (checked.status === 'unknown') return fail(CODES.tokenNotFound);
      if (checked.status === 'expired') {
        const { expiredStatus, expiredCause } = scenario.tokens;
        return failure(expiredStatus, expiredCause);
      }
      if (accounts.isSuspended(checked.principal.username)) return fail(CODES.accountRestricted);
      const refused = state.refusedDevices[String(body.deviceid)];
      if (refused !== undefined) return fail(refused);
      return perform(body, checked.principal, request.at);
    } catch (error) {
      if (error instanceof CallError) return failure(error.code, error.message);
      throw error;
    }
  }

  function login(body: Fields, now: number): SimAnswer {
    const type = body.type ?? 'USER';
    if (type !== 'USER' && type !== 'DEVICE') {
      return failure(CODES.parameter, 'parameter error: type must be USER or DEVICE');
    }
    const username = textIn(body, 'username');
    const password = textIn(body, 'password');
    if (accounts.isSuspended(username)) {
      return failure(CODES.accountRestricted, causeOf(CODES.accountRestricted, ''));
    }
    const entry = accounts.login(username, password, type, now);
    if (!entry) return failure(CODES.wrongCredentials, 'username or password error');
    const { token, serverid } = entry;
    return ok({ token, serverid, username, nickname: username, usertype: type === 'USER' ? 1 : 99 });
  }

  const shifted = (now: number) => now + state.shiftMs;
  const actions: Readonly<Record<string, (body: Fields, who: Principal, now: number) => SimAnswer>> = {
    login: (body, _, now) => login(body, now),
    querymonitorlist: (body, who, now) => monitorList(world, body, who, shifted(now)),
    lastposition: (body, who, now) => lastPosition(world, body, who, shifted(now)),
    querytracks: (body, who, now) => tracks(world, body, who, shifted(now)),
    querytrips: (body, who, now) => trips({ ...world, names: scenario.trips }, body, who, shifted(now)),
    reportmileagedetail: (body, who, now) => mileage(world, body, who, shifted(now)),
    sendcmd: (body, who, now) => sendCmd(commands, body, who, now),
    sendcommand: (body, who, now) => sendCommand(commands, body, who, now),
    querycommand: (body, who, now) => queryCommand(commands, body, who, now),
    editwhitelist: (body) => {
      const ips = Array.isArray(body.ips) ? body.ips.map(String) : null;
      if (ips === null) throw new CallError(CODES.parameter, 'parameter error: ips must be an array');
      state.whitelist = ips;
      return ok({});
    },
  };

  return {
    id: 'gps51',
    limits: gps51Limits(scenario, (account) => accounts.validDevices(account)),
    identify,
    handle,
    refuse: (request, call, refusal) => {
      const who = { ip: addressOf(request), account: call.account, deviceId: call.attributes.deviceId ?? '' };
      const { code, cause } = refusalOf(refusal.limit, scenario, who);
      return failure(code, cause);
    },
    decorate: () => ({}),
    controlShape: gps51ControlShape,
    control: (command, now) => applyGps51Control(command, { accounts, commands, errors, state }, now),
    pages: gps51Pages({ world, devices: fleet, accounts, commands, now: () => shifted(clock()) }),
    stats: () => ({
      devices: fleet.length,
      tokens: { issued: accounts.issuedByAccount(), refused: accounts.refused },
      commands: {
        received: commands.list().length,
        repeated: commands.counts().filter((c) => c.count > 1),
      },
      errors: errors.list(),
    }),
    replay: (entry) => {
      if (!accounts.replay(entry) && !commands.replay(entry)) {
        throw new Error(
          `the state file holds an entry that is not GPS51's: ${JSON.stringify(entry).slice(0, 200)}`,
        );
      }
    },
  };
}

/** Null when the body is not a JSON object; no body is an empty one. */
function bodyOf(request: SimRequest): Fields | null {
  const text = request.body.toString('utf8').trim();
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/** What the log shows of a call: nothing secret, and lists as their length. */
function detailOf(action: string, body: Fields): Record<string, unknown> {
  const { password: _password, cmdpwd: _cmdpwd, deviceids, ...rest } = body;
  return { action, ...rest, ...(Array.isArray(deviceids) ? { deviceids: deviceids.length } : {}) };
}
