/**
 * CarData's stream: MQTT over TLS. The user is the customer's id, the password the id token of the login, which ends after
 * an hour; each vehicle has a topic below the customer's. It costs no calls.
 */
import { MINUTE_MS } from '../../quota/durations';
import { isObject, readJsonObject } from '../bmw/json';
import { readEntry } from '../bmw/values';
import { vinProblem } from '../bmw/vin';
import type { StreamApi, StreamMessage } from '../capabilities/stream';
import type { ReadValue } from '../capabilities/vehicles';
import type { Parsed } from '../http';
import type { CarDataAccount } from './settings';

export function cardataStream({ stream }: CarDataAccount): StreamApi {
  return {
    read: 'telematics',
    silentAfterMs: stream.silentAfterMinutes * MINUTE_MS,
    gapMs: stream.gapMinutes * MINUTE_MS,
    connection: ({ subject, idToken }) => {
      if (subject === null) return { ok: false, problem: 'the login has told no customer id (gcid)' };
      if (idToken === null) return { ok: false, problem: 'the login has brought no id token' };
      return {
        ok: true,
        value: { url: stream.url, username: subject, password: idToken, topics: [`${subject}/+`] },
      };
    },
    parse,
  };
}

function parse(topic: string, payload: string): Parsed<StreamMessage> {
  const root = readJsonObject(payload);
  if (root === null) return { ok: false, problem: 'the message is no JSON object' };
  const vehicleId = typeof root.vin === 'string' ? root.vin : (topic.split('/').at(-1) ?? '');
  if (vinProblem(vehicleId) !== null) return { ok: false, problem: 'the message names no VIN' };
  if (!isObject(root.data)) return { ok: false, problem: 'data must be an object of descriptors' };
  const values = Object.entries(root.data).flatMap(([name, entry]): [string, ReadValue][] => {
    const value = name === '' ? null : readEntry(entry);
    return value === null ? [] : [[name, value]];
  });
  return { ok: true, value: { vehicleId, values: Object.fromEntries(values) } };
}
