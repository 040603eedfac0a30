/**
 * Vendors whose end users have credentials of their own: how these are checked, which is a login of that user, and the
 * devices that the user sees. Requests are without the token; `authorize` puts it in.
 */
import type { HttpRequest, Parsed } from '../http';
import type { LoginApi } from './login';

/** What an end user sees; a vendor's device may say more. */
export interface EndUserDevice {
  readonly deviceId: string;
  readonly name: string;
  /** Group that the vendor lists it under; empty when there is none. */
  readonly group: string;
}

export interface EndUsersApi {
  /** Operation names, as the limits know them. */
  readonly operations: { readonly login: string; readonly devices: string };
  /** Under which calls are counted, "who spent what". */
  readonly caller: string;
  /** Attribute that says for limits whose calls these are: a class of users, never a name. */
  readonly attribute: string;
  /** Longest wait for an answer, ms. */
  readonly timeoutMs: number;
  login(username: string, password: string, nowMs: number): HttpRequest;
  parseLogin: LoginApi['parse'];
  authorize(request: HttpRequest, token: string): HttpRequest;
  devices(username: string): HttpRequest;
  parseDevices(body: string): Parsed<readonly EndUserDevice[]>;
}
