import { createSluice, OperationError } from 'sluice';

export async function holdAndRelease(settingsPath: string, dataset: string): Promise<string> {
  const sluice = createSluice({ settingsPath, caller: 'night-shift' });
  for (const { pool, state } of await sluice.pools.list({})) console.log(pool, state.state);
  await sluice.pools.pause({ reason: 'stock-taking' });
  await sluice.pools.resume({});
  try {
    await sluice.backfills.start({ dataset, from: 'no time', to: '2026-11-02' });
    return 'started';
  } catch (error) {
    if (error instanceof OperationError) return `${error.code} ${error.field}`;
    throw error;
  }
}
