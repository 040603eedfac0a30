/** CarData as the simulator kit sees it: which call is what, whose it is, and who answers it. */
import { createCars, type SimCar, VIN_PATTERN } from '../../bmw/simulator/cars';
import { bearerOf, formOf, headerOf, isForm, objectIn } from '../../bmw/simulator/forms';
import { type Grant, GrantDesk, idToken } from '../../bmw/simulator/grants';
import { CarLife } from '../../bmw/simulator/life';
import { image } from '../../bmw/simulator/picture';
import { CarTime } from '../../bmw/simulator/time';
import { createUsers } from '../../bmw/simulator/users';
import { quotaText } from '../../bmw/simulator/wait-text';
import type { Clock } from '../../kit/clock';
import type { VendorLimit } from '../../kit/judge/limit-book';
import { json } from '../../kit/server/server';
import type { Identified, SimAnswer, SimCall, SimRequest, SimulatedVendor } from '../../kit/vendor';
import { basicData, chargingHistory, locationChargingSettings, mappings, tyreDiagnosis } from './answers';
import { ContainerDesk } from './containers';
import { applyCarDataControl, type CarDataState, carDataControlShape } from './control';
import { DESCRIPTOR_NAMES, telematicData } from './descriptors';
import { DEVICE_GRANT, DeviceCodeDesk } from './device-codes';
import { bodyOfStatus, carDataError, errorOf, oauthError } from './errors';
import type { CarDataScenario } from './options';
import { API_OPERATIONS, type ApiOperation, isApi, type Route, routeOf } from './routes';

const API_SCOPE = 'cardata:api:read';
export const DAY_LIMIT = 'calls-per-day';

export function createCarDataVendor(
  scenario: CarDataScenario,
  record: (entry: unknown) => void,
  clock: Clock,
): SimulatedVendor {
  const users = createUsers(scenario.users);
  const emails = users.map((user) => user.email);
  const cars = createCars(scenario.seed, scenario.cars, emails, ['BMW', 'MINI']);
  const life = new CarLife(scenario.seed);
  const time = new CarTime(scenario.shiftMs, scenario.speed, clock());
  const grants = new GrantDesk(users, scenario.tokens, record);
  const codes = new DeviceCodeDesk(scenario.login, users, record);
  const containers = new ContainerDesk(scenario.seed, scenario.containers, record);
  const state: CarDataState = {
    mappings: scenario.mappings,
    quotaStatus: scenario.quota.status,
    statesWait: scenario.quota.statesWait,
  };

  function identify(request: SimRequest): Identified {
    const route = routeOf(request);
    const call = (account: string, more: Record<string, unknown> = {}): SimCall => ({
      operation: route.operation,
      account,
      attributes: { account, ...(route.vin === '' ? {} : { vin: route.vin }) },
      detail: {
        ...(route.vin === '' ? {} : { vin: route.vin }),
        ...(route.containerId === '' ? {} : { containerId: route.containerId }),
        ...more,
      },
    });
    if (route.operation === 'unknown') {
      const detail = { method: request.method, path: request.url.pathname };
      return { call: call('unknown', detail), answer: carDataError('CU-402', 'no such path', 404) };
    }
    if (!isApi(route.operation)) {
      const form = formOf(request);
      const owner = grants.ownerOf(form.get('refresh_token') ?? '');
      const grantType = form.get('grant_type');
      return { call: call(owner?.email ?? 'unknown', grantType === null ? {} : { grantType }) };
    }
    const token = bearerOf(request);
    if (token === '') return { call: call('unknown'), answer: carDataError('TP-403') };
    const checked = grants.check(token, request.at);
    if (checked === null) return { call: call('unknown'), answer: carDataError('CU-101') };
    const account = grants.user(checked.grant.gcid)?.email ?? 'unknown';
    const known = call(account, Object.fromEntries(request.url.searchParams));
    if (checked.fault === 'expired') return { call: known, answer: carDataError('CU-102') };
    return checked.fault === null ? { call: known } : { call: known, answer: carDataError('CU-101') };
  }

  function handle(request: SimRequest): SimAnswer {
    const route = routeOf(request);
    if (route.operation === 'link') return link(request);
    if (route.operation === 'device-token' || route.operation === 'token-refresh') return token(request);
    if (route.operation === 'device-code') {
      if (!isForm(request)) return oauthError('invalid_request', 'The request must be form-encoded');
      return codes.start(formOf(request), request.url.origin, request.at);
    }
    const grant = grants.check(bearerOf(request), request.at)?.grant;
    if (!grant || !isApi(route.operation)) return carDataError('CU-101');
    if (headerOf(request, 'x-version') !== 'v1') return carDataError('CU-400', 'x-version must be v1');
    if (!grant.scope.split(' ').includes(API_SCOPE)) return carDataError('CU-103');
    return answer(request, route, route.operation, grant);
  }

  function answer(request: SimRequest, route: Route, operation: ApiOperation, grant: Grant): SimAnswer {
    const { gcid } = grant;
    const owner = grants.user(gcid)?.email;
    switch (operation) {
      case 'mappings':
        return mappings(
          cars.filter((car) => car.owner === owner),
          state.mappings,
        );
      case 'container-list':
        return containers.list(gcid);
      case 'container-create':
        return containers.create(gcid, objectIn(request), request.at);
      case 'container-get':
        return containers.get(gcid, route.containerId);
      case 'container-remove':
        return containers.remove(gcid, route.containerId);
    }
    if (!VIN_PATTERN.test(route.vin)) return carDataError('CU-120', 'vin');
    const car = cars.find((c) => c.vin === route.vin && c.owner === owner && c.role === 'PRIMARY');
    return car ? ofCar(request, operation, car, gcid) : carDataError('CU-104');
  }

  function ofCar(
    request: SimRequest,
    operation: Exclude<ApiOperation, 'mappings' | `container-${string}`>,
    car: SimCar,
    gcid: string,
  ): SimAnswer {
    const query = request.url.searchParams;
    const at = time.at(request.at);
    switch (operation) {
      case 'basic-data':
        return basicData(car);
      case 'telematics': {
        const id = query.get('containerId');
        if (id === null || id === '') return carDataError('CU-120', 'containerId');
        const container = containers.find(gcid, id);
        if (!container) return carDataError('CU-105');
        const data = telematicData(car, life.state(car, at), container.technicalDescriptors);
        return json(200, { telematicData: data });
      }
      case 'charging-history': {
        const [from, to, nextToken] = [query.get('from'), query.get('to'), query.get('nextToken')];
        return chargingHistory(life, car, { from, to, nextToken }, at, scenario);
      }
      case 'image':
        return image();
      case 'tyres':
        return tyreDiagnosis(car);
      case 'charging-settings':
        return locationChargingSettings(car);
    }
  }

  function token(request: SimRequest): SimAnswer {
    if (!isForm(request)) return oauthError('invalid_request', 'The request must be form-encoded');
    const form = formOf(request);
    const clientId = form.get('client_id') ?? '';
    if (!codes.knowsClient(clientId)) return oauthError('invalid_client', 'The client is not known');
    const grantType = form.get('grant_type');
    if (grantType === DEVICE_GRANT) {
      const polled = codes.poll(form, grants, request.at);
      return 'status' in polled ? polled : tokens(polled, request);
    }
    if (grantType !== 'refresh_token') {
      return oauthError('unsupported_grant_type', 'The grant type is not supported');
    }
    const bought = grants.refresh(form.get('refresh_token') ?? '', clientId, request.at);
    if (typeof bought !== 'string') return tokens(bought, request);
    return {
      ...oauthError('invalid_grant', 'The refresh token is invalid, expired or revoked'),
      detail: { error: 'invalid_grant', fault: bought },
    };
  }

  const tokens = (grant: Grant, request: SimRequest): SimAnswer =>
    json(
      200,
      {
        access_token: grant.access,
        refresh_token: grant.refresh,
        id_token: idToken(grant, request.url.origin),
        token_type: 'Bearer',
        expires_in: Math.round((grant.accessExpiresAt - grant.issuedAt) / 1000),
        scope: grant.scope,
        gcid: grant.gcid,
      },
      { 'cache-control': 'no-store' },
    );

  /** Following the link is approving, unless it says `decision=deny`; `user` names who approves. */
  function link(request: SimRequest): SimAnswer {
    const query = request.url.searchParams;
    const email = query.get('user');
    const user = email === null ? users[0] : users.find((u) => u.email === email);
    const denied = query.get('decision') === 'deny';
    const known = user && codes.decide(query.get('user_code') ?? '', denied ? null : user.gcid);
    const text = known ? (denied ? 'Refused.' : `Approved by ${user.email}.`) : 'There is no such code.';
    return {
      status: known ? 200 : 404,
      headers: { 'content-type': 'text/html; charset=utf-8' },
      body: `<!doctype html><title>CarData</title><p>${text.replaceAll('<', '&lt;')}</p>`,
    };
  }

  return {
    id: 'bmw-cardata',
    limits: [dayLimit(scenario.quota)],
    identify,
    handle,
    refuse: (_request, _call, { limit, waitMs }) => {
      const stated = waitMs !== null && (limit === null || state.statesWait);
      return carDataError('CU-429', stated ? quotaText(waitMs) : '', state.quotaStatus);
    },
    faultBody: bodyOfStatus,
    errorAnswer: errorOf,
    decorate: () => ({}),
    controlShape: carDataControlShape,
    control: (command, now) =>
      applyCarDataControl(command, { grants, codes, containers, users, time, state }, now),
    pages: {
      cars: () => cars,
      states: () => Object.fromEntries(cars.map((car) => [car.vin, life.state(car, time.at(clock()))])),
      containers: () => containers.all(),
      codes: () => codes.waiting(clock()),
      descriptors: () => DESCRIPTOR_NAMES,
    },
    stats: () => ({
      cars: cars.length,
      containers: { created: containers.created, now: containers.all().length },
      tokens: grants.counts,
    }),
    replay: (entry) => {
      if (!grants.replay(entry) && !codes.replay(entry) && !containers.replay(entry)) {
        throw new Error(`the state file holds an unknown entry: ${JSON.stringify(entry).slice(0, 200)}`);
      }
    },
  };
}

function dayLimit({
  window,
  callsPerDay,
  day,
  dayMs,
  countRefusedCalls,
}: CarDataScenario['quota']): VendorLimit {
  return {
    name: DAY_LIMIT,
    operations: API_OPERATIONS,
    scope: '{account}',
    window:
      window === 'midnight'
        ? { kind: 'calendar', count: callsPerDay, per: day, zone: 'UTC' }
        : { kind: 'rolling', count: callsPerDay, ms: dayMs },
    countsRefused: countRefusedCalls,
  };
}
