/** Requests that other programs describe, and Sluice sends with the account's credentials. */
import type { HttpRequest } from '../http';

export interface RequestsApi {
  /** Where the account's API answers: requests go there, and nowhere else. */
  readonly baseUrl: string;
  /** Puts the token or the key in. */
  authorize(request: HttpRequest, token: string, nowMs: number): HttpRequest;
}
