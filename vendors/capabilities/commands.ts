/**
 * Vendors that take commands to devices or vehicles. What differs between such vendors is described here: which commands
 * there are, in which forms they are handed over, and how their results are polled. Rows, permits, verdicts, waits and
 * "never sent twice on doubt" are shared.
 */
import type { HttpRequest, Parsed } from '../http';

export interface DeviceCommand {
  readonly deviceId: string;
  readonly code: string;
  readonly params: readonly string[];
}

/**
 * What became of a command. `pending`: the vendor has it, the device has not confirmed; ask again.
 * `name` is a stable code for people and programs: `sent`, `cached`, `confirmed`, `bad-password`, `offline`, …
 */
export interface CommandResult {
  readonly outcome: 'success' | 'failure' | 'unknown' | 'pending';
  readonly name: string;
  /** The vendor's own code, as text. */
  readonly code: string;
  readonly message: string;
}

/** The outcome of handing a command over: an id by which its result is polled, or the result at once. */
export type HandedOver = { readonly commandId: string } | { readonly result: CommandResult };

/** A way in which a vendor takes commands. */
export interface CommandForm {
  /** Operation name of a command, as the limits know it. */
  operation(command: DeviceCommand): string;
  /** @param password the device's command password, where the account has one; never logged. */
  request(command: DeviceCommand, password: string | null): HttpRequest;
  /** A problem where the answer names another device than the command's. */
  parse(body: string, command: DeviceCommand): Parsed<HandedOver>;
  /** True when the refusal means that this form is not offered here, and the next one may be. */
  isUnsupported(code: string | undefined): boolean;
}

/** How the result of a command is polled that the vendor has taken. */
export interface CommandResults {
  readonly operation: string;
  request(commandId: string, deviceId: string): HttpRequest;
  /** A problem where the answer is of another command. */
  parse(body: string, commandId: string, deviceId: string): Parsed<CommandResult>;
  readonly polling: CommandPolling;
  readonly finding?: CommandFinding;
}

/** What a command that was carried out has found out, such as where a vehicle is, and what has to be asked for apart. */
export interface CommandFinding {
  readonly operation: string;
  /** Codes of the commands that find something out. */
  readonly of: readonly string[];
  request(commandId: string, deviceId: string): HttpRequest;
  /** In words, for people; also where the vendor says that it does not know. */
  parse(body: string): Parsed<string>;
}

/** Waits between two questions for a result: `firstMs`, then each `factor` times the one before, up to `maxMs`. */
export interface CommandPolling {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** Longest time for which results are polled, ms; null: as long as the command's own. */
  readonly longestMs: number | null;
}

/** A command of a vendor that has a fixed set of them. */
export interface CommandDescription {
  readonly code: string;
  readonly about: string;
  /** In order; those after the last one given take their defaults. */
  readonly params: readonly CommandParam[];
  /**
   * What happens when it is unknown whether it was carried out: `never`: it is not sent again, whatever the caller says;
   * `on request`: it is when the caller calls it repeatable; `always`: it is, for twice is as good as once.
   */
  readonly repeat: 'never' | 'on request' | 'always';
}

export interface CommandParam {
  readonly name: string;
  readonly values: readonly string[];
  /** One of `values`. */
  readonly fallback: string;
}

/** The calls of one account at such a vendor. Requests are without the token; `authorize` puts it in. */
export interface CommandsApi {
  /** Under which calls are counted, "who spent what". */
  readonly caller: string;
  /** Attribute of calls that concern one device, e.g. `deviceId`. */
  readonly deviceAttribute: string;
  /** Longest wait for an answer, ms. */
  readonly timeoutMs: number;
  /** The commands there are; null for a vendor whose devices each have their own. */
  readonly known: readonly CommandDescription[] | null;
  /** In the order in which they are tried; at least one. */
  readonly forms: readonly CommandForm[];
  readonly results: CommandResults;
  /** Reference to the devices' command password; null when the account has none. */
  readonly password: string | null;
  /** What is wrong with a device's id, e.g. a VIN; null when nothing. Checked before anything is sent. */
  deviceIdProblem(deviceId: string): string | null;
  authorize(request: HttpRequest, token: string): HttpRequest;
}
