/** The cars' own time: by default the wall clock's, and faster for tests and demos. Never of limits and tokens. */
import { z } from 'zod';

export const carTimeShape = {
  /** Added to the wall clock where cars are concerned. */
  shiftMs: z.number().default(0),
  /** Cars live so many times faster, counted from the start of the process. */
  speed: z.number().positive().default(1),
};

export class CarTime {
  constructor(
    public shiftMs: number,
    private readonly speed: number,
    private readonly start: number,
  ) {}

  at(now: number): number {
    return this.start + (now - this.start) * this.speed + this.shiftMs;
  }
}
