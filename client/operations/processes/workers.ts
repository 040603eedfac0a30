/** Whether a worker polls the settings' task queue. */
import { z } from 'zod';
import { workerPolls } from '../datasets/work';
import { operation } from '../operation';

export const workersRun = operation({
  about: 'whether a worker takes work',
  input: z.strictObject({}),
  run: async (backend) => ({
    runs: await backend.temporal((client) => workerPolls(client, backend.settings.temporal.taskQueue)),
  }),
});
