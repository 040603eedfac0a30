/**
 * CarData's stream: MQTT over TLS. The user is the customer's id, the password the id token of the login, which ends after
 * an hour; each vehicle has a topic below the customer's. It costs no calls.
 */
import { MINUTE_MS } from '../../quota/durations';
import { isObject, readJson } from '../bmw/json';
import { readEntry, timestampOf } from '../bmw/values';
import { vinProblem } from '../bmw/vin';
import type { StreamApi, StreamMessage } from '../capabilities/stream';
import type { ReadValue } from '../capabilities/vehicles';
import type { Parsed } from '../http';
import { descriptorEntries } from './contract';
import type { CarDataAccount } from './settings';

export function cardataStream({ stream }: CarDataAccount): StreamApi {
  return {
    read: 'telematics',
    silentAfterMs: stream.silentAfterMinutes * MINUTE_MS,
    gapMs: stream.gapMinutes * MINUTE_MS,
    connection: ({ subject, idToken }) => {
      if (subject === null) return { ok: false, problem: 'the login has named no customer id (gcid)' };
      if (idToken === null) return { ok: false, problem: 'the login has brought no id token' };
      return {
        ok: true,
        value: { url: stream.url, username: subject, password: idToken, topics: [`${subject}/+`] },
      };
    },
    parse,
  };
}

/**
 * `{vin, entityId, topic, timestamp, data: {<descriptor>: {timestamp, value, unit}}}`. Values come as text, numbers and truth
 * values, with and without unit and time; one without a time of its own has the message's.
 */
function parse(topic: string, payload: string): Parsed<StreamMessage> {
  if (payload.trim() === '') return { ok: false, problem: 'the message is empty' };
  const root = messageIn(payload);
  if (root === null) return { ok: false, problem: 'the message is no JSON object' };
  const vehicleId = vinIn(root.vin, topic);
  if (vehicleId === null) return { ok: false, problem: 'the message names no VIN' };
  const entries = descriptorEntries(typeof root.data === 'string' ? readJson(root.data) : root.data);
  if (entries === null) return { ok: false, problem: 'data must be an object of descriptors' };
  const sentAt = timestampOf(root.timestamp);
  const values = entries.flatMap(([name, entry]): [string, ReadValue][] => {
    const value = name === '' ? null : readEntry(entry);
    return value === null ? [] : [[name, { ...value, at: value.at ?? sentAt }]];
  });
  return { ok: true, value: { vehicleId, values: Object.fromEntries(values) } };
}

/** As it stands, alone in a list, or as a text in either. */
function messageIn(payload: string): Readonly<Record<string, unknown>> | null {
  let value = readJson(payload);
  for (let wrapped = 0; wrapped < 3 && !isObject(value); wrapped++) {
    if (typeof value === 'string') value = readJson(value);
    else if (Array.isArray(value) && value.length === 1) value = value[0];
  }
  return isObject(value) ? value : null;
}

/** What the message says, else a part of its topic. */
function vinIn(said: unknown, topic: string): string | null {
  const candidates = [...(typeof said === 'string' ? [said] : []), ...topic.split('/').reverse()];
  return candidates.map((one) => one.trim().toUpperCase()).find((one) => vinProblem(one) === null) ?? null;
}
