/** Whether a worker's servers answer it, and since when they do not. */

/** Longest wait for one of the servers when the worker's health is checked, ms. */
const SERVER_MS = 3_000;

export class ServerChecks {
  /** Of servers that did not answer the last time: when that was first asked in vain, epoch ms. */
  private readonly silentSince = new Map<string, number>();

  /** @returns what to say when the server does not answer in time; null when it does. */
  async problemOf(server: string, ask: () => Promise<unknown>): Promise<string | null> {
    const askedAt = Date.now();
    const problem = await problemNow(server, ask());
    if (problem === null) {
      this.silentSince.delete(server);
      return null;
    }
    const since = this.silentSince.get(server) ?? askedAt;
    this.silentSince.set(server, since);
    return `${problem}, since ${new Date(since).toISOString()}`;
  }
}

async function problemNow(server: string, answer: Promise<unknown>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`${server} does not answer within ${SERVER_MS / 1000} s`), SERVER_MS);
  });
  try {
    return await Promise.race([answer.then(() => null), late]);
  } catch (error) {
    return `${server} does not answer: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    clearTimeout(timer);
  }
}
