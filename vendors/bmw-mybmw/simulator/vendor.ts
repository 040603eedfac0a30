/** MyBMW as the simulator kit sees it: which call is what, whose it is, and who answers it. */
import { createCars, type SimBrand, type SimCar } from '../../bmw/simulator/cars';
import { bearerOf, formOf, headerOf, objectIn } from '../../bmw/simulator/forms';
import { GrantDesk } from '../../bmw/simulator/grants';
import { CarLife } from '../../bmw/simulator/life';
import { image } from '../../bmw/simulator/picture';
import { CarTime } from '../../bmw/simulator/time';
import { createUsers } from '../../bmw/simulator/users';
import type { Clock } from '../../kit/clock';
import type { VendorLimit } from '../../kit/judge/limit-book';
import { json } from '../../kit/server/server';
import type { Identified, SimAnswer, SimCall, SimRequest, SimulatedVendor } from '../../kit/vendor';
import { mappingInfos, profile, vehicleState } from './answers';
import { chargedTo, chargingOrder, chargingSettings } from './charging';
import { CommandDesk } from './commands';
import { applyMyBmwControl, type MyBmwState, myBmwControlShape } from './control';
import { blocked, errorOf, gatewayError, quotaRefusal, rateRefusal } from './errors';
import { LoginDesk } from './logins';
import { CHARGING_COMMANDS, type MyBmwScenario } from './options';
import { API_OPERATIONS, isApi, type Route, routeOf } from './routes';

export const QUOTA_LIMIT = 'user-agent-per-day';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export function createMyBmwVendor(
  scenario: MyBmwScenario,
  record: (entry: unknown) => void,
  clock: Clock,
): SimulatedVendor {
  const users = createUsers(scenario.users);
  const cars = createCars(
    scenario.seed,
    scenario.cars,
    users.map((user) => user.email),
  );
  const life = new CarLife(scenario.seed);
  const time = new CarTime(scenario.shiftMs, scenario.speed, clock());
  const grants = new GrantDesk(users, scenario.tokens, record);
  const logins = new LoginDesk(scenario.login, users, grants);
  const commands = new CommandDesk(scenario.seed, scenario.commands, record);
  const state: MyBmwState = {
    blocked: scenario.blocked,
    quotaForm: scenario.quota.form,
    statesWait: scenario.quota.statesWait,
  };

  function identify(request: SimRequest): Identified {
    const route = routeOf(request);
    const userAgent = headerOf(request, 'x-user-agent') || 'none';
    const account = accountOf(request, route);
    const { vin, command } = route;
    const eventId = request.url.searchParams.get('eventId');
    const call: SimCall = {
      operation: loggedAs(request, route),
      account,
      attributes: { account, userAgent, ...(vin === '' ? {} : { vin }) },
      detail: {
        userAgent,
        ...(vin === '' ? {} : { vin }),
        ...(command === null ? {} : { command }),
        ...(eventId === null ? {} : { eventId }),
        ...(route.operation === 'unknown' ? { method: request.method, path: request.url.pathname } : {}),
      },
    };
    if (route.operation === 'unknown') return { call, answer: gatewayError(404, 'Resource not found') };
    if (!isApi(route.operation)) return { call };
    if (userAgent === 'none') return { call, answer: gatewayError(400, 'x-user-agent is missing') };
    return state.blocked.some((pattern) => matches(pattern, userAgent))
      ? { call, answer: blocked() }
      : { call };
  }

  /** A login's requests are of one name, as they are of one purpose. */
  function loggedAs(request: SimRequest, { operation }: Route): string {
    if (operation === 'token' && formOf(request).get('grant_type') === 'refresh_token')
      return 'token-refresh';
    return operation === 'oauthConfig' || operation === 'authenticate' || operation === 'token'
      ? 'login'
      : operation;
  }

  function accountOf(request: SimRequest, route: Route): string {
    const gcid = isApi(route.operation)
      ? grants.check(bearerOf(request), request.at)?.grant.gcid
      : grants.ownerOf(formOf(request).get('refresh_token') ?? '')?.gcid;
    return (gcid && grants.user(gcid)?.email) ?? 'unknown';
  }

  function handle(request: SimRequest): SimAnswer {
    const route = routeOf(request);
    if (route.operation === 'oauthConfig') return logins.config(request);
    if (route.operation === 'authenticate') return logins.authenticate(request);
    if (route.operation === 'token') return logins.token(request);
    const checked = grants.check(bearerOf(request), request.at);
    if (checked === null || checked.fault !== null) {
      return gatewayError(401, 'Access token is missing, invalid or expired.');
    }
    const wrong = scenario.requireHeaders ? headerProblem(request) : null;
    if (wrong !== null) return gatewayError(400, wrong);
    const owner = grants.user(checked.grant.gcid)?.email;
    const own = cars.filter((car) => car.owner === owner);
    if (route.operation === 'vehicleList') {
      const brand = brandOf(headerOf(request, 'x-user-agent'));
      const shown = own.filter((car) => brand === null || car.brand === brand);
      return json(200, mappingInfos(shown, checked.grant.gcid));
    }
    if (route.operation === 'eventStatus' || route.operation === 'eventPosition') {
      return ofEvent(request, route.operation, own);
    }
    if (route.operation === 'sendToCar') return sendToCar(request, own);
    const car = own.find((c) => c.vin === route.vin);
    if (!car) {
      return route.vin === ''
        ? gatewayError(400, 'bmw-vin is missing')
        : gatewayError(403, 'The vehicle is not mapped to this user.');
    }
    return ofCar(request, route, car);
  }

  const seen = (car: SimCar, now: number) => {
    const at = time.at(now);
    const found = life.state(car, at);
    // Commands happen by the wall clock, cars drive by their own; a drive ends what a command had changed.
    const drivenMs = at - life.lastTripEnd(car, at);
    const since = now - drivenMs / scenario.speed;
    const changes = commands.changes(car.vin, found.targetSoc, since, now);
    const plugged = life.state(car, time.at(Math.max(since, changes.planSetAt ?? 0)));
    return { at, state: chargedTo(found, changes.plan, plugged.soc), changes };
  };

  function ofCar(request: SimRequest, route: Route, car: SimCar): SimAnswer {
    const now = request.at;
    switch (route.operation) {
      case 'profile':
        return json(200, profile(car));
      case 'image':
        return image();
      case 'chargingSettings':
        return car.batteryKwh > 0
          ? json(200, chargingSettings(seen(car, now).changes.plan))
          : gatewayError(404, 'The vehicle has no charging settings.');
      case 'command':
        return command(request, route, car);
      default: {
        const { at, state: found, changes } = seen(car, now);
        const until = changes.climateUntil === null ? null : at + (changes.climateUntil - now);
        return json(200, vehicleState(car, found, { ...changes, climateUntil: until }, at));
      }
    }
  }

  function command(request: SimRequest, { command: name }: Route, car: SimCar): SimAnswer {
    if (name === null) return gatewayError(404, 'Resource not found');
    const action = request.url.searchParams.get('action');
    if (name === 'climate-now' && action !== null && action !== 'START' && action !== 'STOP') {
      return gatewayError(400, 'action must be START or STOP');
    }
    if (CHARGING_COMMANDS.has(name) && car.batteryKwh === 0)
      return gatewayError(400, 'The vehicle cannot be charged.');
    const { state: found } = seen(car, request.at);
    const receive = (what: Parameters<CommandDesk['receive']>[3]) => {
      const { eventId, at } = commands.receive(car, found, name, what, request.at);
      return { ...json(200, { eventId, creationTime: new Date(at).toISOString() }), detail: { eventId } };
    };
    if (name !== 'charging-settings' && name !== 'charging-profile') return receive({ action });
    const body = objectIn(request);
    if (body === null) return gatewayError(400, 'the body must be a JSON object');
    const order = chargingOrder(name, body);
    return typeof order === 'string' ? gatewayError(400, order) : receive({ order });
  }

  /** Places are for the car that the body names; there is nothing to ask about afterwards. */
  function sendToCar(request: SimRequest, own: readonly SimCar[]): SimAnswer {
    const { places, vehicleInformation } = objectIn(request) ?? {};
    if (!Array.isArray(places) || places.length === 0) return gatewayError(400, 'places must be a list');
    const { vin } = (vehicleInformation ?? {}) as { vin?: unknown };
    if (own.some((car) => car.vin === vin)) return { status: 201, body: '' };
    return gatewayError(403, 'The vehicle is not mapped to this user.');
  }

  function ofEvent(
    request: SimRequest,
    operation: 'eventStatus' | 'eventPosition',
    own: readonly SimCar[],
  ): SimAnswer {
    const known = commands.get(request.url.searchParams.get('eventId') ?? '');
    const car = own.find((c) => c.vin === known?.vin);
    if (!known || !car) return gatewayError(404, 'There is no such event.');
    const eventStatus = commands.statusOf(known, request.at);
    if (operation === 'eventStatus') {
      const body = { eventId: known.eventId, eventStatus };
      return { ...json(200, body), detail: { eventStatus, command: known.command } };
    }
    const { state: found } = seen(car, request.at);
    const done = known.command === 'vehicle-finder' && eventStatus === 'EXECUTED';
    return json(200, {
      positionData: done
        ? {
            status: 'OK',
            position: {
              latitude: found.latitude,
              longitude: found.longitude,
              formattedAddress: 'Am Olympiapark 1, 80809 München',
              heading: found.heading,
            },
          }
        : null,
      errorDetails: done ? null : { title: 'Unknown position', description: 'There is no position yet.' },
    });
  }

  return {
    id: 'bmw-mybmw',
    limits: limitsOf(scenario),
    identify,
    handle,
    refuse: (_request, _call, { limit, waitMs }) => {
      if (limit === 'user-agent-rate') return rateRefusal(waitMs ?? scenario.rate.ms);
      const stated = limit === null || state.statesWait;
      return quotaRefusal(state.quotaForm, stated ? waitMs : null);
    },
    faultBody: (status) => JSON.stringify({ statusCode: status, message: 'injected fault' }),
    errorAnswer: errorOf,
    decorate: () => ({}),
    controlShape: myBmwControlShape,
    control: (value, now) => applyMyBmwControl(value, { grants, commands, time, state }, now),
    pages: {
      cars: () => cars,
      states: () =>
        Object.fromEntries(
          cars.map((car) => {
            const { state: found, changes } = seen(car, clock());
            return [car.vin, { ...found, changes }];
          }),
        ),
      commands: () => ({ commands: commands.list(), counts: commands.counts() }),
    },
    stats: () => ({
      cars: cars.length,
      commands: { received: commands.list().length, counts: commands.counts() },
      tokens: { ...grants.counts, refused: grants.counts.refused + logins.refused },
    }),
    replay: (entry) => {
      if (!grants.replay(entry) && !commands.replay(entry)) {
        throw new Error(`the state file holds an unknown entry: ${JSON.stringify(entry).slice(0, 200)}`);
      }
    },
  };
}

/** The quota is the user agent's, whoever calls with it. */
function limitsOf({ quota, rate }: MyBmwScenario): VendorLimit[] {
  return [
    {
      name: QUOTA_LIMIT,
      operations: API_OPERATIONS,
      scope: '{userAgent}',
      window: { kind: 'vendor-reset', count: quota.calls, everyMs: quota.everyMs },
      countsRefused: quota.countRefusedCalls,
    },
    {
      name: 'user-agent-rate',
      operations: API_OPERATIONS,
      scope: '{userAgent}',
      window: { kind: 'rolling', count: rate.calls, ms: rate.ms },
    },
  ];
}

function headerProblem(request: SimRequest): string | null {
  const correlation = headerOf(request, 'x-correlation-id');
  if (!UUID.test(correlation)) return 'x-correlation-id must be a version 4 UUID';
  if (headerOf(request, 'bmw-correlation-id') !== correlation) {
    return 'bmw-correlation-id must be the same as x-correlation-id';
  }
  if (headerOf(request, 'x-identity-provider') !== 'gcdm') return 'x-identity-provider must be gcdm';
  return headerOf(request, 'bmw-session-id') === '' ? 'bmw-session-id is missing' : null;
}

/** `android(…);mini;4.9.2(36892);row` asks for one brand; any other user agent asks for all. */
function brandOf(userAgent: string): SimBrand | 'none' | null {
  const parts = userAgent.split(';');
  if (parts.length !== 4) return null;
  const brand = parts[1]?.toUpperCase();
  return brand === 'BMW' || brand === 'MINI' || brand === 'TOYOTA' ? brand : 'none';
}

function matches(pattern: string, text: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`).test(text);
}
