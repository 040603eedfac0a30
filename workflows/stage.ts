/** Runs at most `width` at a time, first come, first served. Deterministic: uses workflow conditions only. */
import { condition } from '@temporalio/workflow';

export class Stage {
  private running = 0;
  private next = 0;
  private served = 0;

  constructor(private readonly width: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    const ticket = this.next++;
    if (ticket !== this.served || this.running >= this.width) {
      await condition(() => ticket === this.served && this.running < this.width);
    }
    this.served++;
    this.running++;
    try {
      return await work();
    } finally {
      this.running--;
    }
  }
}
