/** What MyBMW says of a remote command: that it has it, how far it is, and where it has found the vehicle. */
import { z } from 'zod';
import { isObject, readJsonObject } from '../bmw/json';
import type { CommandResult, HandedOver } from '../capabilities/commands';
import type { Parsed } from '../http';

const event = z.object({ eventId: z.string().trim().min(1, 'must not be empty').max(200, 'is too long') });

/** What a command is asked about by. Without an id the vendor has it, and nobody will learn what became of it. */
export function parseCreated(body: string): Parsed<HandedOver> {
  const parsed = event.safeParse(readJsonObject(body) ?? undefined);
  if (parsed.success) return { ok: true, value: { commandId: parsed.data.eventId } };
  const [issue] = parsed.error.issues;
  return { ok: false, problem: `eventId: ${issue?.message ?? 'is missing'}` };
}

const RESULTS: ReadonlyMap<string, Pick<CommandResult, 'outcome' | 'name'>> = new Map([
  ['INITIATED', { outcome: 'pending', name: 'initiated' }],
  ['PENDING', { outcome: 'pending', name: 'pending' }],
  ['DELIVERED', { outcome: 'pending', name: 'delivered' }],
  ['EXECUTED', { outcome: 'success', name: 'executed' }],
  ['ERROR', { outcome: 'failure', name: 'error' }],
  ['IGNORED', { outcome: 'failure', name: 'ignored' }],
  // The vendor has lost sight of it: the vehicle may have obeyed.
  ['UNKNOWN', { outcome: 'unknown', name: 'unknown' }],
]);

export function parseEventStatus(body: string, asked: string): Parsed<CommandResult> {
  const root = readJsonObject(body);
  const of = event.safeParse(root ?? undefined).data?.eventId ?? asked;
  if (of !== asked) return { ok: false, problem: `eventId: is ${of}, and ${asked} was asked for` };
  const status = typeof root?.eventStatus === 'string' ? root.eventStatus.trim().toUpperCase() : '';
  if (root === null || status === '') return { ok: false, problem: 'eventStatus: must be text' };
  const { outcome, name } = RESULTS.get(status) ?? { outcome: 'unknown', name: 'unrecognised' };
  const { details, errorDetails } = root;
  const message = [details, errorDetails].map(wordsOf).filter((text) => text !== '');
  return { ok: true, value: { outcome, name, code: status.slice(0, 100), message: message.join('; ') } };
}

const MAX_WORDS = 500;

function wordsOf(said: unknown): string {
  if (typeof said === 'string') return said.slice(0, MAX_WORDS);
  if (!isObject(said)) return '';
  const texts = [said.title, said.description].filter((text): text is string => typeof text === 'string');
  return texts.join(': ').slice(0, MAX_WORDS);
}

const MAX_ADDRESS = 200;

/** Where a command has found the vehicle: `{positionData: {status, position}, errorDetails}`. */
export function parseEventPosition(body: string): Parsed<string> {
  const root = readJsonObject(body);
  if (root === null) return { ok: false, problem: 'the body is not a JSON object' };
  const { positionData: data, errorDetails } = root;
  const found = isObject(data) ? data.position : undefined;
  const at = positionSchema.safeParse(found);
  if (at.success) {
    const { latitude, longitude, heading, formattedAddress } = at.data;
    const facing = heading === null ? '' : `, heading ${heading}°`;
    const address = formattedAddress === '' ? '' : ` (${formattedAddress.slice(0, MAX_ADDRESS)})`;
    return { ok: true, value: `it is at ${latitude}, ${longitude}${facing}${address}` };
  }
  if (isObject(found)) {
    const [issue] = at.error.issues;
    return { ok: false, problem: `positionData.position.${issue?.path.join('.')}: ${issue?.message}` };
  }
  const status = isObject(data) && typeof data.status === 'string' ? data.status : '';
  const why = wordsOf(errorDetails) || status.slice(0, MAX_WORDS);
  return { ok: true, value: `where it is, the vendor does not say${why === '' ? '' : `: ${why}`}` };
}

const positionSchema = z.object({
  latitude: z.number({ error: 'must be a number' }).min(-90).max(90),
  longitude: z.number({ error: 'must be a number' }).min(-180).max(180),
  heading: z.number().nullable().catch(null),
  formattedAddress: z.string().trim().catch(''),
});
