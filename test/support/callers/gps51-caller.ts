/** A client of GPS51 that knows nothing of Sluice. */
import { createHash } from 'node:crypto';

/** A position, or a day of `reportmileagedetail`. */
export interface Gps51Record {
  readonly deviceid: string;
  readonly updatetime: number;
  readonly arrivedtime: number;
  readonly callat: number;
  readonly callon: number;
  readonly speed: number;
  readonly status: number;
  readonly totaldistance: number;
  readonly statisticsday: string;
  readonly starttime: number;
  readonly begindis: number;
  readonly enddis: number;
}

export interface Gps51Trip {
  readonly starttime: number;
  readonly endtime: number;
  readonly tripdistance: number;
  readonly maxspeed: number;
  readonly triptime: number;
  readonly slat: number;
  readonly slon: number;
  readonly elat: number;
  readonly elon: number;
}

/** The fields of any answer; what an action does not answer with is not there. */
export interface Gps51Answer {
  readonly status: number;
  readonly cause: string;
  readonly token: string;
  readonly serverid: string;
  readonly commandid: string;
  readonly lastquerypositiontime: number;
  readonly totaldistance: number;
  readonly groups: readonly { readonly groupname: string; readonly devices: readonly object[] }[];
  readonly records: readonly Gps51Record[];
  readonly totaltrips: readonly Gps51Trip[];
}

export interface Gps51Session {
  readonly token: string;
  readonly serverid: string;
}

export const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** Sends one call; `ip` goes as the caller's address. Throws for HTTP errors and cut connections. */
export async function callGps51(
  baseUrl: string,
  action: string,
  body: unknown = {},
  session?: Gps51Session,
  ip?: string,
): Promise<Gps51Answer> {
  const query = new URLSearchParams({ action, ...session });
  const response = await fetch(`${baseUrl}?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(ip === undefined ? {} : { 'x-forwarded-for': ip }) },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`HTTP ${response.status}`);
  return (await response.json()) as Gps51Answer;
}

export async function loginGps51(
  baseUrl: string,
  username = 'fleet',
  password = `${username}-secret`,
  more: Readonly<Record<string, string>> = {},
): Promise<Gps51Answer> {
  const body = { type: 'USER', from: 'web', username, password: md5(password), browser: 'test', ...more };
  return await callGps51(baseUrl, 'login', body, undefined, more.ip);
}

/** The `token` and `serverid` of a login. */
export const sessionOf = ({ token, serverid }: Gps51Session): Gps51Session => ({ token, serverid });
