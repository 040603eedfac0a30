/** What a vendor brings to the simulator kit. The kit brings HTTP, limits, faults, the log and the journal. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { CountedCall, LimitBook, Refusal, VendorLimit } from './judge/limit-book';

export interface SimRequest {
  readonly method: string;
  /** Absolute, built from the Host header: links in answers lead back to where the caller came from. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The address the connection comes from. */
  readonly remoteAddress: string;
  /** Epoch ms with a fraction at which the request was complete. */
  readonly at: number;
  readonly requestId: string;
}

/** A call that has been recognised. */
export interface SimCall extends CountedCall {
  /** Shown in the log of arrivals; holds no secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface SimAnswer {
  readonly status: number;
  /** The reason phrase, where it says something. */
  readonly statusText?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | (() => Readable);
  /** Time until the first byte, ms, beside what the scenario and faults add. The call has been judged and logged. */
  readonly delayMs?: number;
  /** Added to the log of arrivals, e.g. the id of what was created. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface Identified {
  readonly call: SimCall;
  /** An answer given before any limit counts the call, e.g. to a missing token or an unknown path. */
  readonly answer?: SimAnswer;
}

export interface SimulatedVendor {
  readonly id: string;
  readonly limits: readonly VendorLimit[];
  identify(request: SimRequest): Identified;
  /** The vendor's own way to say that a limit is used up. */
  refuse(request: SimRequest, call: SimCall, refusal: Refusal, limits: LimitBook): SimAnswer;
  handle(request: SimRequest, call: SimCall, limits: LimitBook): SimAnswer | Promise<SimAnswer>;
  /** The body of an injected error status that brings none of its own. */
  faultBody?(status: number): string;
  /** One of the vendor's own errors, for faults that name a `code`; undefined when there is none of that code. */
  errorAnswer?(code: string): SimAnswer | undefined;
  /** Headers that every answer carries, refused and faulty ones included. */
  decorate(request: SimRequest, call: SimCall, answer: SimAnswer, limits: LimitBook): Record<string, string>;
  /** Fields of `POST /_sim/control` beyond the kit's own. */
  readonly controlShape: z.ZodRawShape;
  /** Carries out the vendor's fields of a control command. `now` is an earlier instant when replayed. */
  control(command: Readonly<Record<string, unknown>>, now: number): void;
  /** Read-only pages under `/_sim/`, by name. May throw a RangeError for a bad query. */
  readonly pages: Readonly<Record<string, (query: URLSearchParams) => unknown>>;
  /** The vendor's part of `/_sim/stats`. */
  stats(): unknown;
  /** Takes back an entry that the vendor recorded in the journal; `limits` for what it had booked. */
  replay(entry: unknown, limits: LimitBook): void;
}
