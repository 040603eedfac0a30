/** Live progress: a block that is redrawn on a terminal, plain lines elsewhere, JSON lines for programs. */

import { endlessHoldText } from '../../../quota/pools/pool';
import type { Standstill } from '../../../quota/pools/standstill';
import type { PoolState } from '../../../quota/pools/state';
import type { KindStop } from '../../../store/permits/call-kinds';
import type { LimitStatus } from '../../../store/permits/permits';
import type { Progress } from '../../operations/datasets/progress';
import { kindText } from '../../operations/datasets/work-wait';
import { waitJson } from '../../operations/json';
import type { OrganizationReport } from '../../operations/pools/report';
import {
  amountText,
  countText,
  instantText,
  isoOrNull,
  lengthText,
  relativeText,
} from '../../operations/time-text';
import { printJsonLine, shown } from '../output';

export interface ProgressView {
  show(progress: Progress, etaMs: number | null): void;
  /** A line that stays. */
  note(line: string): void;
  end(): void;
}

export function createView(options: { readonly json: boolean; readonly title: string }): ProgressView {
  if (options.json) return jsonView();
  return process.stdout.isTTY ? blockView(options.title) : lineView();
}

/** `normal`, or `paused until 2026-… (in 12 s), because 429 QuotaExceeded …`. */
export function poolText(pool: PoolState | null, now: number): string {
  if (pool === null) return 'not used yet';
  const why = pool.reason ? `, because ${pool.reason}` : '';
  const when =
    pool.until === null ? '' : ` until ${instantText(pool.until)} (${relativeText(pool.until, now)})`;
  switch (pool.state) {
    case 'closed':
      return 'normal';
    case 'quota_paused':
      return `paused${when}${why}`;
    case 'open':
      return `stopped after failures${when}${why}`;
    case 'half_open':
      return `one call probes${why}`;
    case 'held':
      return `held${pool.until === null ? ` ${endlessHoldText(pool.cause)}` : when}${why}`;
  }
}

/** Since when a pool is as it is; nothing while calls go as usual. */
export function sinceText(pool: PoolState | null): string {
  return pool === null || pool.state === 'closed' || pool.since === 0
    ? ''
    : `; since ${instantText(pool.since)}`;
}

/** Which organization an account's state is of, and whose call found it; nothing while that one stops nobody. */
export function organizationText(organization: OrganizationReport | null): string {
  if (organization === null || organization.state.state === 'closed') return '';
  const { pool, pools, foundBy } = organization;
  const found = foundBy === null ? '' : `, found by account ${foundBy}`;
  return ` (${pool}${found}; it stops ${pools.join(', ')})`;
}

/** Kinds of calls that are stopped for themselves: which, until when, and why. */
export function stopLines(stops: readonly KindStop[], now: number): string[] {
  return stops.map(
    (stop) =>
      `stopped until ${instantText(stop.until)} (${relativeText(stop.until, now)}), since ${instantText(stop.since)}: ${kindText(stop)}`,
  );
}

/** Limits that wait as the vendor stated: until when, and the vendor's message. */
export function blockedLines(limits: readonly LimitStatus[]): string[] {
  return limits
    .filter(({ blockedUntil }) => blockedUntil !== null)
    .map(({ name, blockedUntil, blockedReason }) => {
      const because = blockedReason === '' ? '' : `, because ${blockedReason}`;
      return `${name} waits until ${instantText(blockedUntil ?? 0)}${because}`;
    });
}

const shorten = (text: string, width: number) =>
  text.length <= width ? text : `${text.slice(0, width - 1)}…`;

function callsText(progress: Progress): string {
  return progress.operations
    .filter((o) => o.limit !== null)
    .map((o) => `${o.operation} ${o.calls} (${amountText(Math.floor(o.limit?.left ?? 0))} left)`)
    .join(', ');
}

function windowsText(p: Progress): string {
  const failed = p.windowsFailed > 0 ? `, ${p.windowsFailed} failed` : '';
  return `${p.windowsDone}/${p.windowsTotal} windows${failed}, ${countText(p.rows)} rows`;
}

function etaText(etaMs: number | null): string {
  return etaMs === null ? '' : `, about ${lengthText(etaMs)} left`;
}

/** Why, since when, and what would free it; until when has a column of its own. */
export function whyText({ why, since, frees }: Standstill): string {
  const from = since === null ? '' : ` (since ${instantText(since)})`;
  return `${why}${from}; to do: ${frees}`;
}

/** Why it waits and what would free it is printed once; until when, on every line. */
function waitText({ why, since, until, frees }: Standstill, now: number, whole: boolean): string {
  const when = until === null ? 'waits' : `waits until ${instantText(until)} (${relativeText(until, now)})`;
  const from = since === null ? '' : ` (since ${instantText(since)})`;
  return whole ? `${when}, because ${why}${from} [to do: ${frees}]` : when;
}

const LINE_EVERY_MS = 3_000;

function lineView(): ProgressView {
  let shownAt = 0;
  let pool = '';
  let why = '';
  const print = (line: string) => process.stdout.write(`${shown(line)}\n`);
  return {
    show: (progress, etaMs) => {
      const state = progress.pool?.state ?? 'closed';
      const done = progress.windowsDone === progress.windowsTotal;
      const changed = state !== pool || (progress.wait?.why ?? '') !== why;
      if (progress.at - shownAt < LINE_EVERY_MS && !changed && !done) return;
      shownAt = progress.at;
      pool = state;
      why = progress.wait?.why ?? '';
      const time = new Date(progress.at).toISOString().slice(11, 19);
      const calls = callsText(progress);
      const paused =
        progress.wait !== null
          ? `; ${waitText(progress.wait, progress.at, changed)}`
          : state === 'closed'
            ? ''
            : `; pool ${poolText(progress.pool, progress.at)}`;
      print(`${time}  ${windowsText(progress)}${etaText(etaMs)}${calls ? `; calls: ${calls}` : ''}${paused}`);
    },
    note: print,
    end: () => undefined,
  };
}

function jsonView(): ProgressView {
  return {
    show: (p, etaMs) =>
      printJsonLine({
        type: 'progress',
        at: isoOrNull(p.at),
        windows: p.windowsTotal,
        done: p.windowsDone,
        failed: p.windowsFailed,
        rows: p.rows,
        gaps: p.gaps.length,
        etaMs: etaMs === null ? null : Math.round(etaMs),
        pool: p.pool && {
          state: p.pool.state,
          until: isoOrNull(p.pool.until),
          reason: p.pool.reason,
          strikes: p.pool.strikes,
        },
        wait: waitJson(p.wait),
        operations: p.operations.map((o) => ({
          operation: o.operation,
          calls: o.calls,
          refused: o.refused,
          left: o.limit?.left ?? null,
          limit: o.limit?.limit ?? null,
        })),
      }),
    note: (line) => printJsonLine({ type: 'note', text: line }),
    end: () => undefined,
  };
}

const BAR = 30;

function blockView(title: string): ProgressView {
  let drawn = 0;
  const clear = () => {
    if (drawn > 0) process.stdout.write(`\u001b[${drawn}F\u001b[J`);
    drawn = 0;
  };
  return {
    show: (p, etaMs) => {
      const width = process.stdout.columns ?? 100;
      const filled = p.windowsTotal === 0 ? BAR : Math.round((BAR * p.windowsDone) / p.windowsTotal);
      const lines = [
        title,
        `  ${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}  ${windowsText(p)}${etaText(etaMs)}`,
        ...p.operations.map((o) => operationLine(o)),
        `  pool ${poolText(p.pool, p.at)}`,
        ...(p.wait === null ? [] : [`  ${waitText(p.wait, p.at, true)}`]),
      ];
      clear();
      process.stdout.write(`${lines.map((line) => shorten(shown(line), width - 1)).join('\n')}\n`);
      drawn = lines.length;
    },
    note: (line) => {
      clear();
      process.stdout.write(`${shown(line)}\n`);
    },
    end: () => {
      drawn = 0;
    },
  };
}

function operationLine({ operation, calls, refused, limit }: Progress['operations'][number]): string {
  const spent = `${String(calls).padStart(5)} calls${refused > 0 ? ` (${refused} refused)` : ''}`;
  const left =
    limit === null
      ? ''
      : `, ${amountText(Math.floor(limit.left))} of ${amountText(limit.limit)} left${limit.ratePerSecond === null ? '' : `, refilled at ${amountText(limit.ratePerSecond)}/s`}`;
  return `  ${operation.padEnd(18)}${spent}${left}`;
}
