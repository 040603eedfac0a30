import { setFlagsFromString } from 'node:v8';

/**
 * V8 lets a heap grow to some four times what lives in it before it looks for garbage, on a machine with memory to
 * spare. What runs beside a database has other use for that: it collects when the heap has grown by a quarter.
 */
export function growHeapSlowly(): void {
  setFlagsFromString('--heap-growing-percent=25');
}
