/**
 * `sluice demo bmw`: CarData and MyBMW, both simulated, for a while: a login at each, a compressed day of 50
 * calls, reads by several users at once, a quota that is used up for 20 s, and three commands; then shows how much
 * of each limit was used, and by whom.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { type OpenBackend, openBackend } from '../../operations/backend/open-backend';
import { workerPolls } from '../../operations/datasets/work';
import { CARDATA, MYBMW, startBmwDemo } from '../../operations/demo/bmw';
import { BmwDemoWork, type BmwTally } from '../../operations/demo/bmw-work';
import type { SimulatedDemo } from '../../operations/demo/simulated';
import { accountSpending, type Spending } from '../../operations/demo/spending';
import { isoOrNull, lengthText } from '../../operations/time-text';
import { parseLength } from '../arguments';
import { contextOf } from '../command';
import { untilInterrupted } from '../interrupt';
import { print, printJsonLine } from '../output';
import { limitsTable, spentTable, untilWorker } from './spending';

const SHOW_EVERY_MS = 5_000;
const CONNECTIONS = 8;

interface VendorSummary extends Spending {
  readonly account: string;
}

export async function runBmwDemo(_: unknown, command: Command): Promise<void> {
  const options = command.optsWithGlobals<{ readonly for: string; readonly json?: boolean }>();
  const forMs = parseLength('--for', options.for);
  const json = options.json === true;
  const say = (line: string) => (json ? printJsonLine({ type: 'note', text: line }) : print(line));
  const interrupt = untilInterrupted();
  say('Starting Postgres, Temporal, CarData, MyBMW and a worker …');
  const demo = await startBmwDemo(contextOf(command), (line) => say(`  ${line}`), forMs);
  const { settings } = demo.context;
  const backend = openBackend(demo.context, { applicationName: 'sluice-demo', connections: CONNECTIONS });
  try {
    await untilWorker(
      () => backend.temporal((client) => workerPolls(client, settings.temporal.taskQueue)),
      interrupt.signal,
    );
    say(
      `An hour is CarData's day of 50 calls, and ${lengthText(forMs)} are a day of the cars; the API is at ${demo.api}`,
    );
    const work = new BmwDemoWork(backend, demo.urls, say);
    const began = Date.now();
    try {
      await work.logIn(interrupt.signal);
      await work.listCars();
    } catch (error) {
      if (interrupt.signal.aborted) return;
      throw error;
    }
    const over = new AbortController();
    const signal = AbortSignal.any([interrupt.signal, over.signal]);
    const done = work.run(signal, interrupt.signal, forMs);
    while (!signal.aborted && Date.now() - began < forMs) {
      const left = began + forMs - Date.now();
      await delay(Math.min(SHOW_EVERY_MS, left), undefined, { signal }).catch(() => undefined);
      const tally = work.tally();
      if (json) printJsonLine({ type: 'progress', at: isoOrNull(Date.now()), ...tally });
      else print(`${lengthText(Date.now() - began).padEnd(11)}${tallyText(tally)}`);
    }
    over.abort();
    await done;
    // Counts are written every second.
    await delay(1500);
    report(
      await Promise.all([CARDATA, MYBMW].map((one) => summary(backend, demo, one, began))),
      work.tally(),
      json,
    );
  } finally {
    say('Stopping.');
    await backend.close();
    await demo.stop();
    interrupt.done();
  }
}

async function summary(
  backend: OpenBackend,
  demo: SimulatedDemo,
  { vendor, account }: typeof CARDATA | typeof MYBMW,
  began: number,
): Promise<VendorSummary> {
  return { account, ...(await accountSpending(backend, account, demo.urls[vendor] ?? '', began)) };
}

function report(vendors: readonly VendorSummary[], tally: BmwTally, json: boolean): void {
  const exceeded = vendors
    .flatMap(({ limits }) => limits)
    .filter((l) => (l.refused ?? 0) > 0 || (l.most ?? 0) > l.allowed);
  if (exceeded.length > 0 || tally.problems.length > 0) process.exitCode = 1;
  if (json) {
    printJsonLine({ type: 'summary', vendors, ...tally, exceeded: exceeded.length });
    return;
  }
  for (const { account, limits, functions } of vendors) {
    print('');
    print(`What each limit of ${account} saw:`);
    print(limitsTable(limits));
    print('');
    print(spentTable(functions));
  }
  print('');
  print(tallyText(tally));
  for (const reason of tally.stale) print(`  nothing fresher: ${reason}`);
  for (const problem of tally.problems) print(`  problem: ${problem}`);
  print(
    exceeded.length === 0 ? 'No limit was exceeded.' : `Exceeded: ${exceeded.map((l) => l.limit).join(', ')}`,
  );
}

function tallyText({ logins, vehicles, reads, commands }: BmwTally): string {
  const named = (counts: Readonly<Record<string, string | number>>) =>
    Object.entries(counts)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ') || 'none';
  return `logins: ${named(logins)}; ${vehicles} vehicles; reads: ${named(reads)}; commands: ${named(commands)}`;
}
