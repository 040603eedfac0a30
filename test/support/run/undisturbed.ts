/**
 * For what a stalled machine spoils and our own fault spoils every time, such as how late something leaves: the first of
 * some attempts that holds, else the last. What may never happen is judged within the attempt.
 */
export async function undisturbed<T>(
  attempt: () => Promise<T>,
  holds: (result: T) => boolean,
  most = 3,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const result = await attempt();
    if (tries === most || holds(result)) return result;
  }
}
