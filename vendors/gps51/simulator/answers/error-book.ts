/** GPS51's errors as data: which calls get which code, how often and until when. */
import { type ErrorSpec, errorSchema } from '../options';

interface PlannedError extends ErrorSpec {
  readonly id: string;
  readonly until: number;
  seen: number;
  hits: number;
}

export class ErrorBook {
  private errors: PlannedError[] = [];
  private made = 0;

  /** Adds an error, replacing one of the same id. */
  add(input: unknown, now: number): void {
    const spec = errorSchema.parse(input);
    const id = spec.id ?? `error-${++this.made}`;
    const until = spec.forMs === undefined ? Number.POSITIVE_INFINITY : now + spec.forMs;
    this.errors = [...this.errors.filter((e) => e.id !== id), { ...spec, id, until, seen: 0, hits: 0 }];
  }

  /** All of them, or those with these ids. */
  clear(ids: readonly string[] | true): void {
    this.errors = ids === true ? [] : this.errors.filter((e) => !ids.includes(e.id));
  }

  /** The error that hits this call; the oldest one. Counts it as used. */
  take(action: string, account: string, now: number): PlannedError | undefined {
    return this.errors.find((error) => {
      if (error.action !== '*' && error.action !== action) return false;
      if (error.account !== '*' && error.account !== account) return false;
      if (now >= error.until || (error.count !== undefined && error.hits >= error.count)) return false;
      error.seen++;
      if (error.seen <= error.skip) return false;
      error.hits++;
      return true;
    });
  }

  list(): readonly PlannedError[] {
    return this.errors;
  }
}
