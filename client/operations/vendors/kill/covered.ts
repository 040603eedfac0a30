/** Histories as work: of datasets that come as reports, and of a fleet's devices. */
import type { Pool } from 'pg';
import { DAY_MS, HOUR_MS } from '../../../../quota/durations';
import { askableSpan } from '../../../../quota/windows/chunks';
import { chunkPolicy, datasetContext } from '../../../../settings/datasets/report-context';
import { coveredMs } from '../../../../store/datasets/ledger';
import { storeDevices } from '../../../../store/fleet/fleet';
import type { Wire } from '../../../../vendors/conformance/wire';
import { startBackfill } from '../../datasets/backfills';
import type { KillBench, Work } from './work';

const WINDOWS = 6;
const DEVICES = 3;
/** Windows that are there before the vendor keeps its answers to itself. */
const BEFORE = 2;

/** A backfill of the first dataset; null where no hour can be asked for. */
export function reportWork({ vendor, account, parts, settings, backend, db }: KillBench): Work | null {
  const [description] = vendor.descriptions;
  const { reports } = parts;
  if (description === undefined || reports === undefined) return null;
  const context = datasetContext(settings, description.id, account);
  const chunkMs = Math.max(HOUR_MS, description.gridMs);
  const askable = askableSpan(chunkPolicy(context, chunkMs / HOUR_MS), Date.now());
  if (askable === null) return null;
  const from = askable.to - WINDOWS * chunkMs;
  const series = parts.partitions?.(description).length ?? 1;
  return {
    name: `a backfill of ${description.id}`,
    pieces: 'windows',
    wanted: WINDOWS * series,
    operations: [reports.operations.create],
    hold: { operation: reports.operations.create, skip: BEFORE },
    once: true,
    start: () =>
      startBackfill(backend, {
        ...{ dataset: description.id, account, from: iso(from), to: iso(askable.to) },
        chunk: `${chunkMs / HOUR_MS}h`,
      }),
    done: () => covered(db, description.id, account, chunkMs),
  };
}

/** Where some devices were on a past day. @param token what the wire's calls carry. */
export async function fleetWork(bench: KillBench, wire: Wire, token: string): Promise<Work | null> {
  const { vendor, account, parts, backend, db } = bench;
  const { fleet } = parts;
  if (fleet === undefined) return null;
  const listed = await wire.devices(fleet, token);
  await storeDevices(db, account, listed, Date.now());
  const devices = listed.slice(0, DEVICES).map(({ deviceId }) => deviceId);
  if (devices.length === 0) return null;
  const dataset = `${vendor.id}/tracks`;
  const to = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - DAY_MS;
  const from = to - Math.ceil(WINDOWS / devices.length) * HOUR_MS;
  const { track: operation } = fleet.operations;
  return {
    name: `a backfill of ${dataset}`,
    pieces: 'windows',
    wanted: devices.length * Math.ceil(WINDOWS / devices.length),
    operations: [operation],
    hold: { operation, skip: BEFORE },
    once: false,
    start: () =>
      startBackfill(backend, { dataset, account, from: iso(from), to: iso(to), chunk: '1h', devices }),
    done: () => covered(db, dataset, account, HOUR_MS),
  };
}

/** Windows of a length that are there; neighbours may lie in one row. */
async function covered(db: Pool, dataset: string, account: string, chunkMs: number): Promise<number> {
  return Math.floor((await coveredMs(db, dataset, account)) / chunkMs);
}

const iso = (ms: number) => new Date(ms).toISOString();
