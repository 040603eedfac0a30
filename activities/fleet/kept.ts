/**
 * Keeps answers of fleets while Postgres is down: in memory, then on disk as well, and stored once. Some devices may
 * be queried only a few times a day, so an answer must not be lost.
 */
import type { Pool } from 'pg';
import { type LiveAnswer, storeLivePositions } from '../../store/fleet/fleet';
import {
  isReportedSince,
  storeTrack,
  storeTrips,
  type TrackAnswer,
  type TripsAnswer,
} from '../../store/fleet/history';
import { held, type KeepDeps } from '../gateway/spool/held';

/** Its kind among spooled entries. */
export const FLEET_ANSWER = 'fleet-answer';

export type FleetAnswer =
  | { readonly kind: 'positions'; readonly answer: LiveAnswer }
  | { readonly kind: 'track'; readonly answer: TrackAnswer }
  | { readonly kind: 'trips'; readonly answer: TripsAnswer };

/** @returns how many positions or trips it holds. @throws what Postgres says, once it is on disk or given up. */
export function keepAnswer({ db, spool, stopping }: KeepDeps, kept: FleetAnswer): Promise<number> {
  return held(() => store(db, kept), {
    spool: spool && { to: spool, kind: FLEET_ANSWER, data: kept },
    stopping,
  });
}

/** Stores what an ended process has left. Where the span was reported again since, the later answer stays. */
export async function replayAnswer(db: Pool, kept: FleetAnswer): Promise<void> {
  if (kept.kind !== 'positions' && (await isReportedSince(db, kept.answer))) return;
  await store(db, kept);
}

function store(db: Pool, kept: FleetAnswer): Promise<number> {
  switch (kept.kind) {
    case 'positions':
      return storeLivePositions(db, kept.answer);
    case 'track':
      return storeTrack(db, kept.answer);
    case 'trips':
      return storeTrips(db, kept.answer);
  }
}
