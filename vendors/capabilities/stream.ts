/**
 * Values that a vendor sends by itself, over MQTT. What differs between vendors is described here; the one connection
 * an account, its renewal with the token, the filling of gaps, and the handling of silence are shared.
 */
import type { Parsed } from '../http';
import type { ReadValue } from './vehicles';

/** What an account's login has brought. */
export interface StreamSession {
  readonly accessToken: string;
  readonly idToken: string | null;
  /** Who has logged in, by the vendor's id. */
  readonly subject: string | null;
}

export interface StreamConnection {
  /** `mqtts://host:port`, or `mqtt://` on loopback. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly topics: readonly string[];
}

export interface StreamMessage {
  readonly vehicleId: string;
  readonly values: Readonly<Record<string, ReadValue>>;
}

export interface StreamApi {
  /** Name of the read whose values it carries. */
  readonly read: string;
  /** Without a message for so long, the stream counts as silent, ms. */
  readonly silentAfterMs: number;
  /** A gap of at most this is not made up for by calls, ms. */
  readonly gapMs: number;
  /** Not ok: the login has not brought what a connection needs. */
  connection(session: StreamSession): Parsed<StreamConnection>;
  /** Total. */
  parse(topic: string, payload: string): Parsed<StreamMessage>;
}
