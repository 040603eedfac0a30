/** OpenAI's own errors as data: which code, for which project or organization, how often and until when. */
import { z } from 'zod';
import { hash32, unitOf } from '../../../kit/random';
import { ERROR_CODES, type ErrorCode } from './errors';

const CODES = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

export const errorSchema = z.strictObject({
  /** Chosen by the simulator when absent; clears the error by name. */
  id: z.string().min(1).optional(),
  code: z.enum(CODES),
  project: z.string().min(1).default('*'),
  organization: z.string().min(1).default('*'),
  operation: z.string().min(1).default('createResponse'),
  /** How many calls it hits; without it, all of them. */
  count: z.int().positive().optional(),
  /** Epoch ms at which it ends; `forMs` is the same from now. */
  untilMs: z.number().optional(),
  forMs: z.number().positive().optional(),
  probability: z.number().min(0).max(1).default(1),
  /** rate_limit_exceeded: what ran out. */
  about: z.enum(['requests', 'tokens']).default('requests'),
  /** The wait that the answer states; none without it. */
  waitMs: z.number().nonnegative().optional(),
});
type ErrorInput = z.input<typeof errorSchema>;

export interface StandingError extends z.output<typeof errorSchema> {
  readonly id: string;
  seen: number;
  hits: number;
}

export class ErrorBook {
  private errors: StandingError[] = [];
  private made = 0;

  /** @param onHit called for each hit of an error with a count, so that a journal can bring it back. */
  constructor(
    private readonly seed: number,
    private readonly onHit: (id: string) => void,
  ) {}

  /** Adds an error, replacing one of the same id. */
  add(input: ErrorInput, now: number): void {
    const spec = errorSchema.parse(input);
    const id = spec.id ?? `error-${++this.made}`;
    const until = spec.forMs === undefined ? spec.untilMs : now + spec.forMs;
    const error = { ...spec, id, ...(until === undefined ? {} : { untilMs: until }), seen: 0, hits: 0 };
    this.errors = [...this.errors.filter((e) => e.id !== id), error];
  }

  clear(ids?: readonly string[]): void {
    this.errors = ids === undefined ? [] : this.errors.filter((e) => !ids.includes(e.id));
  }

  /** The first error of these statuses that hits the call, counted as used. */
  take(
    call: { readonly operation: string; readonly attributes: Readonly<Record<string, string>> },
    statuses: (status: number) => boolean,
    now: number,
  ): StandingError | undefined {
    const { project, organization } = call.attributes;
    for (const error of this.errors) {
      if (!statuses(ERROR_CODES[error.code].status)) continue;
      if (error.operation !== '*' && error.operation !== call.operation) continue;
      if (error.project !== '*' && error.project !== project) continue;
      if (error.organization !== '*' && error.organization !== organization) continue;
      if (error.untilMs !== undefined && now >= error.untilMs) continue;
      if (error.count !== undefined && error.hits >= error.count) continue;
      error.seen++;
      if (unitOf(hash32(this.seed, error.id, error.seen)) >= error.probability) continue;
      error.hits++;
      if (error.count !== undefined) this.onHit(error.id);
      return error;
    }
    return undefined;
  }

  /** Counts a hit that happened before a restart. */
  replayHit(id: string): void {
    const error = this.errors.find((e) => e.id === id);
    if (!error) return;
    error.hits++;
    error.seen++;
  }

  list(): readonly StandingError[] {
    return this.errors;
  }
}
