/** How complete a dataset of an account is, over all its series or devices. */

import { z } from 'zod';
import { DAY_MS } from '../../../../quota/durations';
import { fleetKindOf } from '../../../../settings';
import { readStorableTime } from '../../../../store/clock';
import { type FleetSummary, summarizeFleet } from '../../../../store/fleet/fleet';
import { asFieldLater } from '../../errors';
import { hour, name, spanOrNone } from '../../fields';
import { readFleetCoverage } from '../../fleet/work';
import { spanJson } from '../../json';
import { operation } from '../../operation';
import { chooseDataset, chooseFleet } from '../../settings/choose';
import { isoOrNull } from '../../time-text';
import { devices, refuse } from '../span-work';
import { type DatasetCoverage, readCoverage, wholeSpan } from './series-coverage';

/** Of live positions there are no windows: they are fresh or not. */
export type Coverage = { readonly dataset: string; readonly account: string } & (
  | {
      readonly kind: 'windows';
      readonly found: DatasetCoverage;
      /** Of a fleet nothing is fetched again. */
      readonly isAudited: boolean;
    }
  | { readonly kind: 'live'; readonly found: FleetSummary }
);

/** Of fleets, coverage is shown of so many days when no span is given. */
const DEFAULT_DAYS = 7;

export const showCoverage = operation({
  about: 'which windows are in, and which are not',
  input: z.strictObject({
    dataset: name,
    account: name.optional(),
    /** With `to`; without both, all that the vendor can be asked for. */
    from: hour.optional(),
    to: hour.optional(),
    devices,
  }),
  json: (one: Coverage) => (one.kind === 'live' ? liveJson(one.found) : coverageJson(one.found)),
  run: async (backend, { dataset, account: given, devices: chosen, ...ends }): Promise<Coverage> => {
    const now = Date.now();
    const { settings } = backend;
    const span = spanOrNone(ends);
    if (fleetKindOf(dataset) === null) {
      const context = chooseDataset(settings, dataset, given);
      refuse(dataset, { devices: chosen });
      const found = await backend.database((db) =>
        readStorableTime(db).then((at) => readCoverage(db, context, span ?? wholeSpan(context, at), at)),
      );
      return { kind: 'windows', dataset, account: context.account.name, found, isAudited: true };
    }
    const fleet = chooseFleet(settings, dataset, given);
    const account = fleet.account.name;
    if (fleet.terms.kind === 'positions') {
      const found = await backend.database((db) => summarizeFleet(db, account));
      return { kind: 'live', dataset, account, found };
    }
    const settled = now - fleet.terms.overlapMs;
    const asked = span ?? { from: settled - DEFAULT_DAYS * DAY_MS, to: settled };
    const only = chosen === undefined || chosen.length === 0 ? null : chosen;
    const found = await asFieldLater('devices', () =>
      backend.database((db) => readFleetCoverage(db, fleet, only, asked, now)),
    );
    return { kind: 'windows', dataset, account, found, isAudited: false };
  },
});

function liveJson({ devices: count, located, oldest, newest, listedAt, readAt }: FleetSummary) {
  return {
    ...{ devices: count, located },
    ...{ oldest: isoOrNull(oldest), newest: isoOrNull(newest) },
    ...{ listedAt: isoOrNull(listedAt), readAt: isoOrNull(readAt) },
  };
}

function coverageJson(found: DatasetCoverage) {
  const audits = (audit: DatasetCoverage['lastAudit']) => ({
    daily: isoOrNull(audit.daily),
    weekly: isoOrNull(audit.weekly),
  });
  return {
    ...spanJson(found.span),
    windows: found.windows,
    done: found.done,
    rows: found.rows,
    gaps: found.gaps.map((gap) => ({ ...spanJson(gap), partition: gap.series?.partition ?? null })),
    states: found.states,
    lastAudit: audits(found.lastAudit),
    series: found.series.map((one) => ({
      partition: one.series.partition,
      windows: one.windows,
      done: one.done + one.emptyProvisional,
      rows: one.rows,
      gaps: one.gaps.length,
      lastAudit: audits(one.lastAudit),
    })),
  };
}
