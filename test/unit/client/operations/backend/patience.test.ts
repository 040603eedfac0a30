/** Following goes on when a server is away for a while. */

import { throughAbsence } from '../../../../../client/operations/backend/patience';
import { failed } from '../../../../../client/operations/errors';

test('a server that is away is said once, and waited for', async () => {
  const said: (string | null)[] = [];
  let tries = 0;
  const result = await throughAbsence(
    async () => {
      tries++;
      if (tries < 3) throw failed('Temporal does not answer', 'TEMPORAL_UNAVAILABLE');
      return 'done';
    },
    { onAway: (reason) => said.push(reason) },
  );
  expect(result).toBe('done');
  expect(said).toEqual(['Temporal does not answer', 'Temporal does not answer']);
});

test('any other error ends it, and so does the signal while a server is away', async () => {
  const wrong = failed('the workflow failed');
  await expect(throughAbsence(() => Promise.reject(wrong), {})).rejects.toBe(wrong);
  const stop = new AbortController();
  const away = throughAbsence(() => Promise.reject(failed('away', 'DATABASE_UNAVAILABLE')), {
    onAway: () => stop.abort(),
    signal: stop.signal,
  });
  await expect(away).resolves.toBeNull();
});
