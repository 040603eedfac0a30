/**
 * Ends the process when a vendor's function never returns. Such a function blocks this thread and its timers, so a
 * second thread watches.
 */
import { Worker } from 'node:worker_threads';

const BEAT_MS = 500;
/** How long this thread may be busy with one thing, ms. */
const PATIENCE_MS = 60_000;

/** Counts its own turns and not the clock's: a machine that sleeps stops both threads. */
const CODE = `
const { workerData: { beats, turnMs, turns, said } } = require('node:worker_threads');
const seen = new Int32Array(beats);
let last = -1, still = 0;
setInterval(() => {
  const now = Atomics.load(seen, 0);
  still = now === last ? still + 1 : 0;
  last = now;
  if (still < turns) return;
  require('node:fs').writeSync(2, said);
  process.kill(process.pid, 'SIGKILL');
}, turnMs);
`;

/** @param about what is under way, for people. @returns to be called at its end. */
export function watchForStandstill(about: string, patienceMs = PATIENCE_MS): () => Promise<unknown> {
  const beats = new SharedArrayBuffer(4);
  const count = new Int32Array(beats);
  const said = `${about}: a function has not ended for ${patienceMs / 1000} s (classify, learn, parts, a parser, or the module itself): nothing is proved.\n`;
  const turns = Math.ceil(patienceMs / BEAT_MS);
  const worker = new Worker(CODE, { eval: true, workerData: { beats, turnMs: BEAT_MS, turns, said } });
  worker.unref();
  const timer = setInterval(() => Atomics.add(count, 0, 1), BEAT_MS).unref();
  return () => {
    clearInterval(timer);
    return worker.terminate();
  };
}
