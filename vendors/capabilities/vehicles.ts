/**
 * Vehicles of an account, and what can be read of each. A read has a name, costs calls, and may be served from what is
 * stored for as long as its staleness allows. What differs between vendors is described here; permits, verdicts, the
 * stored answers, one call for many askers and what is said under a closed pool are shared.
 * All times are epoch milliseconds.
 */
import type { HttpRequest, Parsed } from '../http';

/** `null`: the vendor does not say. */
export type DriveTrain = 'combustion' | 'plug-in hybrid' | 'electric' | 'other' | null;

export interface Vehicle {
  /** The vendor's id: a VIN, a device id. */
  readonly vehicleId: string;
  readonly name: string;
  readonly brand: string;
  readonly model: string;
  readonly driveTrain: DriveTrain;
  /** False when the account sees it and may not read it, as a secondary user. */
  readonly readable: boolean;
  /** What else the vendor says of it, as JSON. */
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * One value of a read. Three states are three things: a value, `null` by the vendor, and "not available" by the vendor's
 * own mark; what was not mentioned at all is in no entry.
 */
export interface ReadValue {
  readonly state: 'value' | 'null' | 'not-available';
  /** JSON; text as the vendor sends it, JSON inside text parsed. Null unless `state` is `value`. */
  readonly value: unknown;
  readonly unit: string | null;
  /** When the vehicle reported it; null when unknown. */
  readonly at: number | null;
}

/** The values of one answer. */
export interface ReadAnswer {
  /** By the vendor's name of each value. Unknown ones are kept, too. */
  readonly values: Readonly<Record<string, ReadValue>>;
  /** Records of a list, such as charging sessions, as JSON; absent for reads that have none. */
  readonly records?: readonly Readonly<Record<string, unknown>>[];
  /** A picture. */
  readonly document?: { readonly contentType: string; readonly base64: string };
  /** To be given for the next page; null when there is none. */
  readonly next: string | null;
}

export interface ReadDescription {
  /** For people and programs: `telematics`, `state`, `charging-history`, … */
  readonly name: string;
  readonly about: string;
  /** Operation name, as the limits know it. */
  readonly operation: string;
  /** How old an answer may be and still be served without a call, ms; left out where the settings decide (`reads`). */
  readonly staleMs?: number;
  /** Most vehicles that one call may ask for, by `readTogether`; left out: one, by `read`. */
  readonly together?: number;
  /** What may be given with it, by name. */
  readonly params: Readonly<Record<string, ReadParam>>;
  /** True when `read` has to be given the account's resource, e.g. a container. */
  readonly needsResource: boolean;
}

export interface ReadParam {
  readonly kind: 'instant' | 'text';
  readonly about: string;
  readonly required: boolean;
}

export interface ReadRequest {
  readonly vehicleId: string;
  /** Instants as epoch ms. */
  readonly params: Readonly<Record<string, string | number>>;
  /** The account's resource, where the read needs it. */
  readonly resource: string | null;
  /** From the page before; null for the first. */
  readonly next: string | null;
}

/** The calls of one account at such a vendor. Requests are without the token; `authorize` puts it in. */
export interface VehiclesApi {
  /** Operation name of the list. */
  readonly operation: string;
  /** Under which calls are counted, "who spent what". */
  readonly caller: string;
  /** Attribute of calls that concern one vehicle, e.g. `vin`. */
  readonly vehicleAttribute: string;
  /** Longest wait for an answer, ms. */
  readonly timeoutMs: number;
  /** How old the list may be, ms. */
  readonly listStaleMs: number;
  readonly reads: readonly ReadDescription[];
  /** What is wrong with an id, e.g. of a VIN; null when nothing. Checked before anything is sent. */
  vehicleIdProblem(vehicleId: string): string | null;
  authorize(request: HttpRequest, token: string): HttpRequest;
  vehicles(): HttpRequest;
  parseVehicles(body: string): Parsed<readonly Vehicle[]>;
  read(name: string, request: ReadRequest): HttpRequest;
  /** @param body as text; of a picture, base64 (`binary` of the request says so). */
  parseRead(name: string, body: string): Parsed<ReadAnswer>;
  /** Reads of several vehicles in one call, for those whose description says so. Such reads take no parameters. */
  readonly readTogether?: (name: string, vehicleIds: readonly string[]) => HttpRequest;
  /** By vehicle. One that is left out was requested, and nothing is known about it. */
  readonly parseTogether?: (name: string, body: string) => Parsed<ReadonlyMap<string, ReadAnswer>>;
  /** What the answer to a read says about the vehicle itself, where the list does not; null when nothing. */
  readonly describe?: (
    name: string,
    answer: ReadAnswer,
  ) => Partial<Pick<Vehicle, 'name' | 'brand' | 'model' | 'driveTrain'>> | null;
  readonly resource?: ResourceApi;
}

/**
 * Something that an account has to have made at the vendor before it can read, such as a container that names the values
 * that are wanted. One is kept: an old one of ours is adopted, further ones are deleted, a lost one is made again.
 */
export interface ResourceApi {
  /**
   * What the settings want of it now, as a short text: where the one that is kept was for another, it is looked up again.
   * Default: it is always the same.
   */
  readonly identity?: string;
  readonly operations: { readonly list: string; readonly create: string; readonly remove: string };
  list(): HttpRequest;
  /** `ours`: made by this software, and naming the values that are wanted now. `stale`: ours, and naming others. */
  parseList(
    body: string,
  ): Parsed<readonly { readonly id: string; readonly kind: 'ours' | 'stale' | 'foreign' }[]>;
  create(): HttpRequest;
  parseCreate(body: string): Parsed<string>;
  remove(id: string): HttpRequest;
  /** Whether a refusal of a read means that the resource has gone. @param code of the evidence. */
  isGone(code: string | undefined): boolean;
}
