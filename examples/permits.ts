import { openPermits, PermitError } from 'sluice/permits';

export async function callAcme(databaseUrl: string, url: string): Promise<Response | null> {
  const permits = await openPermits({
    databaseUrl,
    name: 'acme-api',
    limits: [{ name: 'requests', window: { kind: 'token-bucket', ratePerSecond: 5, burst: 5 } }],
  });
  try {
    const permit = await permits.take({ priority: 'live', maxWaitMs: 10_000 });
    const answer = await fetch(url);
    if (answer.status === 429) await permit.refused(1000 * Number(answer.headers.get('retry-after') ?? 1));
    else await permit.done();
    return answer;
  } catch (error) {
    if (error instanceof PermitError && error.code === 'not-yet') return null;
    throw error;
  } finally {
    await permits.close();
  }
}
