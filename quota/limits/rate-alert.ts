/** When rate refusals ("too fast") are worth an alert: not a single one, but refusals that persist. Pure. */

export interface RateAlertPolicy {
  /** So many refusals of one limit … */
  readonly refusals: number;
  /** … within so many milliseconds. */
  readonly windowMs: number;
}

export const RATE_ALERT: RateAlertPolicy = { refusals: 3, windowMs: 600_000 };

/** A stretch in which a limit is refused again and again. It ends with a whole window of quiet. */
export interface RateEpisode {
  /** Last refusal, epoch ms. */
  readonly refusedAt: number;
  readonly alerted: boolean;
}

/**
 * The episode after a refusal at `now`, and whether it is the one that calls for the alert: one an episode.
 * @param episode as it stood; null when the limit was never refused.
 * @param recent refusals within the window that ends now, this one included.
 */
export function afterRefusalAlert(
  episode: RateEpisode | null,
  recent: number,
  policy: RateAlertPolicy,
  now: number,
): { readonly episode: RateEpisode; readonly alert: boolean } {
  const goesOn = episode !== null && now - episode.refusedAt < policy.windowMs;
  const alerted = goesOn && episode.alerted;
  const alert = !alerted && recent >= policy.refusals;
  return { episode: { refusedAt: now, alerted: alerted || alert }, alert };
}
