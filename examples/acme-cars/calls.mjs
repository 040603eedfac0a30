/** Acme Cars' requests as plain data, and what their answers say in the words of Sluice. Nothing is sent here. */
import { z } from 'sluice/vendor';

const MINUTE_MS = 60_000;
const VIN = /^[A-HJ-NPR-Z0-9]{17}$/;

const token = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });
const cars = z.object({
  cars: z.array(z.object({ vin: z.string(), name: z.string(), model: z.string(), drive: z.string() })),
});
/** A value, `null`, or the text "n/a": three things. */
const values = z.object({
  values: z.record(
    z.string(),
    z.object({ value: z.unknown(), unit: z.string().nullish(), at: z.iso.datetime() }),
  ),
});

const DRIVES = { petrol: 'combustion', diesel: 'combustion', hybrid: 'plug-in hybrid', electric: 'electric' };

/** @returns {import('sluice/vendor').LoginApi} */
export function login({ baseUrl, credentials }) {
  return {
    operation: 'login',
    credentials,
    request: ({ clientId = '', clientSecret = '' }) => ({
      method: 'POST',
      url: `${baseUrl}/oauth/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
      }).toString(),
    }),
    parse: (body) =>
      parsed(token, body, (value) => ({
        accessToken: value.access_token,
        expiresInMs: value.expires_in * 1000,
      })),
  };
}

/** @returns {import('sluice/vendor').VehiclesApi} */
export function vehicles({ baseUrl }) {
  const get = (path) => ({ method: 'GET', url: `${baseUrl}${path}`, headers: {} });
  const read = (name, about, staleMs) => ({
    ...{ name, about, operation: name, staleMs },
    ...{ params: {}, needsResource: false },
  });
  return {
    operation: 'cars',
    caller: 'acme-cars',
    vehicleAttribute: 'vin',
    timeoutMs: 30_000,
    listStaleMs: 60 * MINUTE_MS,
    reads: [
      read('status', 'odometer, doors, fuel', 5 * MINUTE_MS),
      read('charging', 'level of the battery, plug, time left', 5 * MINUTE_MS),
    ],
    vehicleIdProblem: (vin) =>
      VIN.test(vin) ? null : 'must be a VIN: 17 letters and digits, without I, O and Q',
    authorize: (request, accessToken) => ({
      ...request,
      headers: { ...request.headers, authorization: `Bearer ${accessToken}` },
    }),
    vehicles: () => get('/v1/cars'),
    parseVehicles: (body) =>
      parsed(cars, body, (value) =>
        value.cars.map(({ vin, name, model, drive, ...details }) => ({
          ...{ vehicleId: vin, name, brand: 'Acme', model, details, readable: true },
          driveTrain: Object.hasOwn(DRIVES, drive) ? DRIVES[drive] : 'other',
        })),
      ),
    read: (name, { vehicleId }) => get(`/v1/cars/${encodeURIComponent(vehicleId)}/${name}`),
    parseRead: (_, body) =>
      parsed(values, body, (answer) => ({
        values: Object.fromEntries(
          Object.entries(answer.values).map(([name, one]) => [name, readValue(one)]),
        ),
        next: null,
      })),
  };
}

function readValue({ value, unit, at }) {
  const about = { unit: unit ?? null, at: Date.parse(at) };
  if (value === null || value === undefined) return { state: 'null', value: null, ...about };
  return value === 'n/a'
    ? { state: 'not-available', value: null, ...about }
    : { state: 'value', value, ...about };
}

/** A body checked by its schema and translated; what does not fit names the field. */
function parsed(schema, body, translate) {
  let json;
  try {
    json = JSON.parse(body);
  } catch {
    return { ok: false, problem: 'the body is no JSON' };
  }
  const result = schema.safeParse(json);
  if (result.success) return { ok: true, value: translate(result.data) };
  const [issue] = result.error.issues;
  return { ok: false, problem: `${issue.path.join('.')}: ${issue.message}` };
}
