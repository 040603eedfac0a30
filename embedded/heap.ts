/** How much memory a process of ours takes on a machine that it shares with a database. */
import { setFlagsFromString } from 'node:v8';

/**
 * V8 lets the heap grow to some four times the live data before it collects, on a machine with memory to spare. A
 * worker beside a database should leave that memory alone: it collects when the heap has grown by a quarter.
 */
export function growHeapSlowly(): void {
  setFlagsFromString('--heap-growing-percent=25');
}
