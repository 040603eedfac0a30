/** How the platform's gateway words a wait. */

/** `HH:MM:SS`, rounded up to a whole second. */
export function clockText(waitMs: number): string {
  const seconds = Math.ceil(waitMs / 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

export const quotaText = (waitMs: number) =>
  `Out of call volume quota. Quota will be replenished in ${clockText(waitMs)}.`;

export const rateText = (waitMs: number) =>
  `Rate limit is exceeded. Try again in ${Math.max(1, Math.ceil(waitMs / 1000))} seconds.`;
