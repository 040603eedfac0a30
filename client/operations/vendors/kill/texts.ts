/** A batch of texts as work, one call an item. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countItems } from '../../../../store/batches/items';
import { startBatch } from '../../batches/start';
import type { KillBench, Work } from './work';

const ITEMS = 8;
/** Answers that come before the vendor keeps them to itself, and calls at a time. */
const BEFORE = 3;
const AT_ONCE = 2;

/** @param folder where the input is written. */
export function textWork(bench: KillBench, folder: string): Work | null {
  const { vendor, account, parts, backend, db } = bench;
  const { texts } = parts;
  const model = vendor.example?.model;
  if (texts === undefined || model === undefined) return null;
  let batch: number | null = null;
  const { operation } = texts;
  return {
    name: 'a batch of texts',
    pieces: 'texts',
    wanted: ITEMS,
    operations: [operation],
    hold: { operation, skip: BEFORE },
    once: false,
    start: async () => {
      const input = join(folder, `${account}.csv`);
      const rows = Array.from({ length: ITEMS }, (_, i) => `t${i},word ${i}`);
      writeFileSync(input, `${['id,word', ...rows].join('\n')}\n`);
      const started = await startBatch(backend, {
        ...{ kind: `${vendor.id}/conformance`, account, input, model },
        ...{ prompt: 'Say {{word}}.', maxConcurrency: AT_ONCE },
      });
      batch = started.batch.id;
    },
    done: async () => {
      if (batch === null) return 0;
      const { done } = await countItems(db, batch);
      return done;
    },
  };
}
