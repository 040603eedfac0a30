/**
 * Postgres goes away while answers of a fleet are on their way: what became of a command is known in the end, and no
 * device's few calls of the day are spent twice. Short here; SLUICE_LONG=1 keeps it away for three minutes, SLUICE_AWAY_MS for any other time.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Runtime } from '@temporalio/worker';
import { createCommand, knownCommand } from '../../store/commands/commands';
import type { command } from '../../workflows/commands/command';
import type { FleetBackfillInput, fleetBackfill } from '../../workflows/fleet/fleet-backfill';
import type { positionsTick, TickResult } from '../../workflows/fleet/fleet-ticks';
import { commandWorkflowId } from '../../workflows/messages';
import { callsSeen } from '../support/callers/vendor-view';
import { eventually } from '../support/eventually';
import { type BreakableProxy, startBreakableProxy } from '../support/network/breakable-proxy';
import { longOr } from '../support/run/long';
import { uniqueName } from '../support/stacks/embedded';
import { type Gps51Stack, QUICK_GPS51, startGps51Stack } from '../support/stacks/gps51-stack';

const AWAY_MS = Number(process.env.SLUICE_AWAY_MS ?? longOr(180_000, 5_000));
const DAY = 24 * 3_600_000;
const ANSWER_MS = 2_500;
/** A permit whose call had not left when Postgres went is spent, so a device may be called once more than it is here. */
const LIMITS = { ...QUICK_GPS51, 'device-trajectory-per-day': { count: 10 } } as const;

jest.setTimeout(AWAY_MS + 180_000);

let stack: Gps51Stack;
let proxy: BreakableProxy;
let spoolDir: string;
let devices: string[] = [];

beforeAll(async () => {
  spoolDir = mkdtempSync(join(tmpdir(), 'spool-'));
  stack = await startGps51Stack({
    scenario: {
      fleet: { devices: 8, parkedShare: 0 },
      latencyMs: { min: ANSWER_MS, max: ANSWER_MS },
      commands: { confirmMs: { min: ANSWER_MS, max: ANSWER_MS } },
      limits: LIMITS,
    },
    account: { limits: LIMITS },
    datasets: [{ dataset: 'gps51/tracks' }],
  });
  const { host } = new URL(stack.databaseUrl);
  proxy = await startBreakableProxy(host);
  // Login and list of devices are had before.
  const worker = await startWorker();
  await positions();
  await worker.stop();
  const { rows } = await stack.db.query<{ device_id: string }>(
    'select device_id from fleet_devices order by 1',
  );
  devices = rows.map((row) => row.device_id);
});

afterAll(async () => {
  proxy?.restore();
  await stack?.close();
  await proxy?.close();
  await Runtime.instance().shutdown();
  rmSync(spoolDir, { recursive: true, force: true });
});

function startWorker() {
  const url = new URL(stack.databaseUrl);
  url.host = proxy.address;
  return stack.startWorker({ databaseUrl: url.toString(), spoolDir });
}

const spooled = () =>
  readdirSync(spoolDir, { recursive: true }).filter((name) => String(name).endsWith('.entry'));

function positions(): Promise<TickResult> {
  return stack.client.workflow.execute<typeof positionsTick>('positionsTick', {
    workflowId: uniqueName('tick'),
    taskQueue: stack.settings.temporal.taskQueue,
    args: [{ dataset: 'gps51/positions', account: stack.account, intervalMs: 60_000 }],
  });
}

async function sendCommand() {
  const { command: made } = await createCommand(stack.db, {
    account: stack.account,
    requestId: null,
    device: devices[0] ?? '',
    code: 'LOCATE',
    params: ['now'],
    repeatable: false,
    timeoutMs: 20_000,
    waitForPool: false,
    askedBy: 'a test',
  });
  const { id, account, device, code, repeatable, timeoutMs, waitForPool } = made;
  const handle = await stack.client.workflow.start<typeof command>('command', {
    workflowId: commandWorkflowId(account, id),
    taskQueue: stack.settings.temporal.taskQueue,
    args: [{ commandId: id, account, device, code, repeatable, timeoutMs, waitForPool }],
  });
  return { id, handle };
}

async function received(): Promise<number> {
  const page = await fetch(`${stack.simulator.url}/_sim/commands?code=LOCATE`);
  return ((await page.json()) as { commands: unknown[] }).commands.length;
}

async function trackCalls(): Promise<number> {
  return (await callsSeen(stack.simulator.url)).filter(({ operation }) => operation === 'querytracks').length;
}

/** Devices of which a track was stored since the last check. */
async function tracksIn(): Promise<number> {
  const { rowCount } = await stack.db.query(
    `delete from coverage c using series s
     where s.id = c.series_id and s.dataset = 'gps51/tracks' and c.state <> 'failed' returning 1`,
  );
  return rowCount ?? 0;
}

async function backfillTracks(daysAgo: number) {
  const to = Math.floor(Date.now() / DAY) * DAY - daysAgo * DAY;
  const input: FleetBackfillInput = {
    dataset: 'gps51/tracks',
    account: stack.account,
    from: to - DAY,
    to,
    devices,
    chunkHours: null,
    priority: 'background',
  };
  return stack.client.workflow.start<typeof fleetBackfill>('fleetBackfill', {
    workflowId: uniqueName('backfill'),
    taskQueue: stack.settings.temporal.taskQueue,
    args: [input],
  });
}

/** The vendor has a command and a call for a track, and has answered neither: what is marked as sent may not have left. */
async function bothArrived(sent: number, asked: number): Promise<void> {
  await eventually(
    'both are at the vendor',
    async () => (await received()) > sent && (await trackCalls()) > asked,
    60_000,
    50,
  );
}

test('the outcome of a command, and the answers about devices, are stored when it is back, after one call each', async () => {
  const [sent, asked] = [await received(), await trackCalls()];
  const worker = await startWorker();
  const backfill = await backfillTracks(2);
  const { id, handle } = await sendCommand();
  await bothArrived(sent, asked);
  proxy.cut();
  await eventually('answers are on disk', () => spooled().length > 1);
  await delay(AWAY_MS);
  proxy.restore();
  expect(await handle.result()).toMatchObject({ state: 'succeeded', name: 'confirmed' });
  expect(await knownCommand(stack.db, id)).toMatchObject({ state: 'succeeded', attempts: 1 });
  // Pages that Postgres has cut short count nothing: the ledger shows it.
  expect(await backfill.result()).toMatchObject({ failed: 0 });
  expect(await tracksIn()).toBe(devices.length);
  expect((await received()) - sent).toBe(1);
  expect((await trackCalls()) - asked).toBe(devices.length);
  await eventually('the disk is clear', () => spooled().length === 0);
  await worker.stop();
});

test('a worker that ends meanwhile leaves them to the next one', async () => {
  const [sent, asked] = [await received(), await trackCalls()];
  const worker = await startWorker();
  const backfill = await backfillTracks(4);
  const { id, handle } = await sendCommand();
  await bothArrived(sent, asked);
  proxy.cut();
  await worker.stop();
  expect(spooled().length).toBeGreaterThan(1);
  proxy.restore();
  const next = await startWorker();
  expect(await handle.result()).toMatchObject({ state: 'succeeded', name: 'confirmed' });
  expect(await knownCommand(stack.db, id)).toMatchObject({ state: 'succeeded', attempts: 1 });
  // Pages that Postgres has cut short count nothing: the ledger shows it.
  expect(await backfill.result()).toMatchObject({ failed: 0 });
  expect(await tracksIn()).toBe(devices.length);
  expect((await received()) - sent).toBe(1);
  expect((await trackCalls()) - asked).toBe(devices.length);
  expect(spooled()).toEqual([]);
  await next.stop();
});
