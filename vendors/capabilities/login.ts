/** How an account logs in: the request, and what the answer means. The credentials are filled in at the last moment. */
import type { HttpRequest, Parsed } from '../http';

export interface LoginApi {
  /** Operation name in `classify`. */
  readonly operation: string;
  /** References to the secrets that `request` needs, by name. */
  readonly credentials: Readonly<Record<string, string>>;
  /** @param secrets the values behind `credentials`. */
  request(secrets: Readonly<Record<string, string>>, nowMs: number): HttpRequest;
  parse(body: string): Parsed<{ accessToken: string; expiresInMs: number }>;
}
