/**
 * The world that the simulated reports describe. A pure function of seed, account, marketplace, dataset, hour and
 * the time of the request: no order of requests and no restart changes it.
 */
import { HOUR_MS, MINUTE_MS } from '../../../quota/durations';
import { hash32, mix32, unitOf } from '../../kit/random';
import type { DataOptions } from './options';
import type { Dataset } from './report-types';

export interface SeriesKey {
  readonly account: string;
  readonly marketplace: string;
  readonly dataset: Dataset;
}

/** A row without its hour. Revenue is text: the digits that the document prints, exactly. */
export type SimRow =
  | { readonly asin: string; readonly orderedUnits: number; readonly orderedRevenue: string }
  | { readonly asin: string; readonly glanceViews: number }
  | { readonly asin: string; readonly highlyAvailableInventory: number };

/** A restatement with its times as epoch ms. */
export interface Restatement {
  readonly account: string;
  readonly dataset: Dataset | '*';
  readonly fromMs: number;
  readonly toMs: number;
  readonly atMs: number;
  readonly loseShare: number;
  readonly changeShare: number;
}

interface Revision {
  readonly loseShare: number;
  readonly changeShare: number;
}

export class SimWorld {
  private readonly restatements: Restatement[] = [];

  constructor(
    private readonly seed: number,
    private readonly options: DataOptions,
  ) {}

  addRestatement(restatement: Restatement): void {
    this.restatements.push(restatement);
  }

  /** Epoch ms from which an hour's rows exist. */
  readyAt(key: SeriesKey, hour: number): number {
    const { readyAfterMinutes: after, lateShare, lateByMinutes } = this.options;
    const hash = this.hourHash(key, hour, 'ready');
    const minutes = after.min + unitOf(hash) * (after.max - after.min);
    const late =
      unitOf(mix32(hash ^ 0x5bd1e995)) < lateShare ? unitOf(mix32(hash ^ 0x2545f491)) * lateByMinutes : 0;
    return hour + HOUR_MS + (minutes + late) * MINUTE_MS;
  }

  /** How often an hour has been restated by `asOf`. */
  revision(key: SeriesKey, hour: number, asOf: number): number {
    return this.revisions(key, hour, asOf).length;
  }

  /** The rows of one hour as Amazon knows them at `asOf`, by ASIN; none while the hour is not ready. */
  *rows(key: SeriesKey, hour: number, asOf: number): Generator<SimRow> {
    if (asOf < this.readyAt(key, hour)) return;
    const base = this.hourHash(key, hour, 'rows');
    if (unitOf(mix32(base ^ 0x1b873593)) < this.options.emptyHourShare) return;
    const revisions = this.revisions(key, hour, asOf);
    for (let i = 0; i < this.options.catalogueSize; i++) {
      const rowHash = mix32(base ^ Math.imul(i + 1, 0x9e3779b1));
      if (unitOf(rowHash) >= this.options.density) continue;
      const value = this.valueHash(rowHash, revisions);
      if (value !== null) yield this.row(key, i, value);
    }
  }

  /** The hash that a row's values come from after all restatements; null when one of them lost the row. */
  private valueHash(rowHash: number, revisions: readonly Revision[]): number | null {
    let value = mix32(rowHash ^ 0x38495ab5);
    for (const [n, revision] of revisions.entries()) {
      const fate = mix32(rowHash ^ Math.imul(n + 1, 0x85ebca77));
      const at = unitOf(fate);
      if (at < revision.loseShare) return null;
      if (at < revision.loseShare + revision.changeShare) value = mix32(fate ^ 0x7feb352d);
    }
    return value;
  }

  private row(key: SeriesKey, index: number, hash: number): SimRow {
    const asin = asinAt(index);
    const amount = unitOf(mix32(hash ^ 0x68e31da4));
    if (key.dataset === 'traffic') return { asin, glanceViews: 1 + Math.floor(amount ** 3 * 400) };
    if (key.dataset === 'inventory')
      return { asin, highlyAvailableInventory: Math.floor(amount ** 2 * 1500) };
    const { zeroUnitsShare, negativeUnitsShare, longRevenueShare } = this.options;
    const kind = unitOf(hash);
    let units = 1 + Math.floor(amount ** 4 * 24);
    if (kind < zeroUnitsShare) units = 0;
    else if (kind < zeroUnitsShare + negativeUnitsShare) units = -Math.ceil(units / 8);
    const priceCents = 199 + (mix32(index ^ this.seed) % 20_000);
    const long = unitOf(mix32(hash ^ 0x165667b1)) < longRevenueShare;
    return {
      asin,
      orderedUnits: units,
      // More than 2^53 cents: a reader that goes through a double changes the last digits.
      orderedRevenue: long ? `${9_007_199_254_740_993n + BigInt(index)}.07` : printCents(units * priceCents),
    };
  }

  private revisions(key: SeriesKey, hour: number, asOf: number): Revision[] {
    const found: (Revision & { atMs: number })[] = this.restatements.filter(
      (r) =>
        r.atMs <= asOf &&
        (r.account === '*' || r.account === key.account) &&
        (r.dataset === '*' || r.dataset === key.dataset) &&
        hour >= r.fromMs &&
        hour < r.toMs,
    );
    const { restatedShare, restatedAfterMinutes } = this.options;
    if (restatedShare > 0 && unitOf(this.hourHash(key, hour, 'restated')) < restatedShare) {
      const atMs = hour + HOUR_MS + restatedAfterMinutes * MINUTE_MS;
      if (atMs <= asOf) found.push({ loseShare: 0.25, changeShare: 0.5, atMs });
    }
    return found.sort((a, b) => a.atMs - b.atMs);
  }

  private hourHash(key: SeriesKey, hour: number, what: string): number {
    return hash32(this.seed, key.account, key.marketplace, key.dataset, hour, what);
  }
}

/** `B0` and eight characters, different for every index. */
export function asinAt(index: number): string {
  return `B0${index.toString(36).toUpperCase().padStart(8, '0')}`;
}

/** As Amazon prints money: at least one decimal and no trailing zero after it: 0.0, 50.9, 167.14, -12.5. */
export function printCents(cents: number): string {
  const whole = Math.abs(cents);
  const digits = String(whole % 100).padStart(2, '0');
  const decimals = digits.endsWith('0') ? digits.slice(0, 1) : digits;
  return `${cents < 0 ? '-' : ''}${Math.floor(whole / 100)}.${decimals}`;
}
