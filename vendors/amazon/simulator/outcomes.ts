/** How the next reports end, as data. */
import type { z } from 'zod';
import { type OutcomeInput, outcomeSchema } from './options';
import type { Dataset } from './report-types';

export interface Outcome extends z.output<typeof outcomeSchema> {
  readonly id: string;
  hits: number;
}

export class OutcomeBook {
  private outcomes: Outcome[] = [];
  private made = 0;

  add(input: OutcomeInput): void {
    const spec = outcomeSchema.parse(input);
    this.outcomes.push({ ...spec, id: spec.id ?? `outcome-${++this.made}`, hits: 0 });
  }

  /** The first outcome that fits a new report, counted as used. Times are epoch ms. */
  take(account: string, dataset: Dataset, start: number, end: number): Outcome | undefined {
    const outcome = this.peek(account, dataset, start, end);
    if (outcome) outcome.hits++;
    return outcome;
  }

  /** The same without counting it. */
  peek(account: string, dataset: Dataset, start: number, end: number): Outcome | undefined {
    return this.outcomes.find(
      (o) =>
        (o.account === '*' || o.account === account) &&
        (o.dataset === '*' || o.dataset === dataset) &&
        (o.count === undefined || o.hits < o.count) &&
        (o.from === undefined || end > Date.parse(o.from)) &&
        (o.to === undefined || start < Date.parse(o.to)),
    );
  }

  replayHit(id: string): void {
    const outcome = this.outcomes.find((o) => o.id === id);
    if (outcome) outcome.hits++;
  }

  clear(): void {
    this.outcomes = [];
  }

  list(): readonly Outcome[] {
    return this.outcomes;
  }
}
