/** The settings of an Amazon lab: accounts with limits that are no obstacle, and datasets that are polled quickly. */
import type { AmazonScenarioInput } from '../../../../vendors/amazon/simulator';
import { steadyLagMinutes } from '../due-hours';
import { type AmazonAddress, amazonAccount, DATASET } from '../stack';

/** Limits that are no obstacle; the test of limits sets its own. */
const WIDE = { ratePerSecond: 50, burst: 50 };
export const WIDE_LIMITS = { createReport: WIDE, getReport: WIDE, getReportDocument: WIDE, getReports: WIDE };

export interface LabAccount {
  /** Keys of the account, e.g. `pool`, `retry`, `limits`. */
  readonly account?: Record<string, unknown>;
  /** Keys of its datasets, e.g. `minRerequestMinutes`. */
  readonly dataset?: Record<string, unknown>;
  /** Default: sales. */
  readonly datasets?: readonly string[];
}

export interface LabOptions<L extends string> {
  readonly accounts: Readonly<Record<L, LabAccount>>;
  readonly scenario?: AmazonScenarioInput;
  /** Top-level keys of the settings, e.g. `http`. */
  readonly settings?: Record<string, unknown>;
  readonly encryptPayloads?: boolean;
}

/** What an operator has changed since the start. */
export interface LabEdit {
  /** Keys of all datasets. */
  readonly datasets?: Readonly<Record<string, unknown>>;
  /** Keys of accounts, by label. */
  readonly accounts?: Readonly<Record<string, Record<string, unknown>>>;
}

export function labSettings<L extends string>(
  options: LabOptions<L>,
  names: Readonly<Record<L, string>>,
  simulator: AmazonAddress,
  edit: LabEdit = {},
): Record<string, unknown> {
  const entries = Object.entries<LabAccount>(options.accounts).map(
    ([label, account]) => [names[label as L], account, edit.accounts?.[label]] as const,
  );
  return {
    reports: { settleSeconds: 1 },
    ...options.settings,
    accounts: Object.fromEntries(
      entries.map(([name, { account }, edited]) => [
        name,
        amazonAccount(simulator, name, { limits: WIDE_LIMITS, ...account, ...edited }),
      ]),
    ),
    datasets: entries.flatMap(([name, { dataset, datasets = [DATASET] }]) =>
      datasets.map((id) => ({
        dataset: id,
        account: name,
        lookbackDays: 1,
        safeMinutesLag: steadyLagMinutes(),
        poll: { initialSeconds: 0.1, factor: 1.5, maxSeconds: 0.4 },
        ...dataset,
        ...edit.datasets,
      })),
    ),
  };
}
