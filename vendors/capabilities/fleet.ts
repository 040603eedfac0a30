/**
 * Vendors that track fleets: which devices there are, where they are and which trips they made.
 * What differs between such vendors is described here; permits, verdicts, cursors, tables and schedules are shared.
 * All times are epoch milliseconds.
 */
import type { Span } from '../../quota/windows/chunks';
import type { LearnedLimit } from '../contract';
import type { HttpRequest, Parsed } from '../http';

export interface FleetDevice {
  readonly deviceId: string;
  readonly name: string;
  readonly type: string;
  /** SIM number; empty when there is none. */
  readonly sim: string;
  /** Group that the vendor lists it under; empty when there is none. */
  readonly group: string;
  /** Null when the device never reported. */
  readonly lastActiveAt: number | null;
  /** End of the device's subscription; null when it has none. */
  readonly expiresAt: number | null;
  readonly free: boolean;
}

export interface FleetPosition {
  readonly deviceId: string;
  /** When the device was there, by its own clock. */
  readonly at: number;
  /** When the vendor received it; null when it does not say. */
  readonly arrivedAt: number | null;
  /** Degrees, WGS 84. */
  readonly latitude: number;
  readonly longitude: number;
  /** Kilometres an hour. */
  readonly speed: number;
  /** Degrees clockwise from north. */
  readonly course: number;
  /** Odometer, metres; null when there is none. */
  readonly odometer: number | null;
  /** The vendor's bit mask of the device's state. Never a result of a call. */
  readonly status: number;
  readonly statusText: string;
  readonly alarm: number;
  /** Null when the vendor does not say. */
  readonly moving: boolean | null;
}

export interface FleetTrip {
  readonly deviceId: string;
  readonly start: number;
  readonly end: number;
  /** Metres. */
  readonly distance: number;
  /** Metres an hour, as the vendor gives it. */
  readonly maxSpeed: number;
  readonly averageSpeed: number;
  /** Milliseconds under way. */
  readonly duration: number;
  /** Degrees, WGS 84; null where the vendor has none. */
  readonly startLatitude: number | null;
  readonly startLongitude: number | null;
  readonly endLatitude: number | null;
  readonly endLongitude: number | null;
}

/** A device's trips in one answer. */
export interface ReportedTrips {
  /** Those that have ended, or have come so far. */
  readonly trips: readonly FleetTrip[];
  /** Whether every record could be used: only then is a trip that it does not hold not there. */
  readonly whole: boolean;
  /** Epoch ms at which the first trip without an end began; null when all have one. */
  readonly openSince: number | null;
}

/**
 * The calls of one account at such a vendor. Requests are without the token; `authorize` puts it in. An answer of
 * many records is parsed record by record: what is unusable is left out and counted in `leftOut` of the result.
 */
export interface FleetApi {
  /** Operation names, as the limits know them. */
  readonly operations: {
    readonly devices: string;
    readonly positions: string;
    readonly trips: string;
    readonly track: string;
  };
  /** Names under which the calls are counted, "who spent what": what each of the vendor's functions is called. */
  readonly callers: {
    readonly positions: string;
    readonly trips: string;
    readonly history: string;
    readonly login: string;
  };
  /** Attributes that every call of this account carries for limit scopes, e.g. the egress IP. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Attribute of calls that concern one device, e.g. `deviceId`. */
  readonly deviceAttribute: string;
  /** Longest wait for an answer, ms. */
  readonly timeoutMs: number;
  /** Longest span of one trips or track call, ms. */
  readonly maxSpanMs: number;
  authorize(request: HttpRequest, token: string): HttpRequest;
  devices(): HttpRequest;
  parseDevices(body: string): Parsed<readonly FleetDevice[]>;
  /** What the devices that are valid at `nowMs` teach about limits, e.g. of calls a day. */
  limitsOf(devices: readonly FleetDevice[], nowMs: number): readonly LearnedLimit[];
  /** @param cursor what the last answer returned: only what has changed since; null for everything. */
  positions(deviceIds: readonly string[], cursor: string | null): HttpRequest;
  parsePositions(
    body: string,
  ): Parsed<{ readonly cursor: string; readonly positions: readonly FleetPosition[] }>;
  trips(deviceId: string, span: Span): HttpRequest;
  /** Null when the answer holds no list, neither an empty one: no trip has come, and none that is known has gone. */
  parseTrips(body: string, deviceId: string): Parsed<ReportedTrips | null>;
  track(deviceId: string, span: Span): HttpRequest;
  parseTrack(body: string, deviceId: string): Parsed<readonly FleetPosition[]>;
}
