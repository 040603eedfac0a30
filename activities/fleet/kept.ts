/**
 * Keeps answers of fleets while Postgres is down: in memory, then on disk as well, and stored once. Some devices may
 * be asked only a few times a day, so an answer must not be lost.
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
export function keepAnswer({ db, spool, stopping }: KeepDeps, told: FleetAnswer): Promise<number> {
  return held(() => store(db, told), {
    spool: spool && { to: spool, kind: FLEET_ANSWER, data: told },
    stopping,
  });
}

/** What an ended process has left. Of a span that has been told of since, the later word stands. */
export async function replayAnswer(db: Pool, told: FleetAnswer): Promise<void> {
  if (told.kind !== 'positions' && (await isReportedSince(db, told.answer))) return;
  await store(db, told);
}

function store(db: Pool, told: FleetAnswer): Promise<number> {
  switch (told.kind) {
    case 'positions':
      return storeLivePositions(db, told.answer);
    case 'track':
      return storeTrack(db, told.answer);
    case 'trips':
      return storeTrips(db, told.answer);
  }
}
