/** The windows that a fleet's backfill has to ask for, from the ledger alone. */
import type { Pool } from 'pg';
import { HOUR_MS } from '../../quota/durations';
import { piecesOf } from '../../quota/fleet/history-windows';
import type { Span } from '../../quota/windows/chunks';
import { listDevices } from './fleet';
import { coverageByDevice } from './ledger';

/** What this needs to know of a fleet's dataset: a part of what the settings make of it. Lengths in ms. */
export interface FleetHistory {
  readonly dataset: string;
  readonly account: { readonly name: string; readonly fleet: { readonly maxSpanMs: number } };
  readonly terms: { readonly overlapMs: number; readonly chunkMs: number };
}

/** The span, epoch ms, and the hours of one call; null for the settings'. */
export interface FleetSpan extends Span {
  readonly chunkHours: number | null;
}

export interface HistoryWindow extends Span {
  readonly deviceId: string;
}

export interface MissingWindows {
  readonly windows: readonly HistoryWindow[];
  /** Windows of the ledger that have failed. */
  readonly failed: number;
  /** When the first of them is tried again by itself, epoch ms. */
  readonly retryAt: number | null;
}

/** What is not in, cut into single calls: the youngest windows first, and of those the devices in turn. */
export async function missingWindows(
  db: Pool,
  { account, dataset, terms }: FleetHistory,
  input: FleetSpan,
  devices: readonly string[],
  now: number,
  retryFailed: boolean,
): Promise<MissingWindows> {
  const to = Math.min(input.to, now - terms.overlapMs);
  if (to <= input.from) return { windows: [], failed: 0, retryAt: null };
  const asked = { from: input.from, to };
  const chunkMs = input.chunkHours === null ? terms.chunkMs : input.chunkHours * HOUR_MS;
  const known = await coverageByDevice(db, dataset, account.name, devices, asked, now);
  const lengthMs = Math.min(chunkMs, account.fleet.maxSpanMs);
  const windows = known.flatMap(({ deviceId, gaps, missing }) =>
    piecesOf(retryFailed ? gaps : missing, input.from, lengthMs).map((span) => ({ deviceId, ...span })),
  );
  const retries = known.flatMap(({ retryAt }) => (retryAt === null ? [] : [retryAt]));
  return {
    windows: windows.sort((a, b) => b.from - a.from || (a.deviceId < b.deviceId ? -1 : 1)),
    failed: known.reduce((sum, { failed }) => sum + failed, 0),
    retryAt: retries.length === 0 || retryFailed ? null : Math.min(...retries),
  };
}

/** @throws RangeError for devices that the vendor does not list. */
export async function chosenDevices(
  db: Pool,
  account: string,
  given: readonly string[] | null,
): Promise<readonly string[]> {
  const listed = (await listDevices(db, account)).map(({ deviceId }) => deviceId);
  if (given === null) return listed;
  const unknown = given.filter((deviceId) => !listed.includes(deviceId));
  if (unknown.length === 0) return given;
  throw new RangeError(`account "${account}" has no device ${unknown.map((id) => `"${id}"`).join(', ')}`);
}
