import { Runtime } from '@temporalio/worker';
import { findCommands } from '../../../../../store/commands/commands';
import { type Cli, cliFor } from '../../../../support/cli';
import { eventually } from '../../../../support/eventually';
import { startBreakableProxy } from '../../../../support/network/breakable-proxy';
import { type Gps51Stack, startGps51Stack } from '../../../../support/stacks/gps51-stack';

let stack: Gps51Stack;
let sluice: Cli;
let device: string;

beforeAll(async () => {
  stack = await startGps51Stack();
  sluice = cliFor(stack);
  const devices = (await (await fetch(`${stack.simulator.url}/_sim/devices`)).json()) as { id: string }[];
  device = devices[0]?.id ?? '';
  await stack.startWorker();
});

afterAll(async () => {
  await stack?.close();
  await Runtime.instance().shutdown();
});

test.each([
  [6, [], 0, 'succeeded (confirmed)'],
  [2, [], 1, 'failed (offline)'],
  [8, [], 3, 'unknown outcome (confirmation-timeout)'],
] as const)('result %i ends with its exit code', async (result, more, code, said) => {
  stack.simulator.control({
    clearCommandOutcomes: true,
    commandOutcomes: [{ device: '*', command: '*', result, afterMs: 5 }],
  });
  const ran = await sluice(['command', 'gps51', device, 'STOP', '--param', 'a', '--wait', ...more]);
  expect(ran).toMatchObject({ code, out: expect.stringContaining(said) });
});

test('the same --id again is the same command; another command under it is refused', async () => {
  stack.simulator.control({ clearCommandOutcomes: true });
  const args = ['command', 'gps51', device, 'ONCE', '--id', 'my-id', '--wait', '--json'];
  const first = JSON.parse((await sluice(args)).out) as { id: number; state: string };
  const again = await sluice(args);
  expect(JSON.parse(again.out)).toEqual(first);
  expect(first.state).toBe('succeeded');
  const other = await sluice(['command', 'gps51', device, 'TWICE', '--id', 'my-id']);
  expect(other).toMatchObject({ code: 2, err: expect.stringContaining('give a new id') });
  const commands = (await (await fetch(`${stack.simulator.url}/_sim/commands?code=ONCE`)).json()) as {
    commands: unknown[];
  };
  expect(commands.commands).toHaveLength(1);

  const shown = await sluice(['command', 'show', 'my-id']);
  expect(shown).toMatchObject({ code: 0, out: expect.stringContaining('succeeded (confirmed)') });
  const listed = JSON.parse((await sluice(['command', 'list', '--json'])).out) as { id: number }[];
  expect(listed[0]?.id).toBe(first.id);
  const cancelled = await sluice(['command', 'cancel', 'my-id']);
  expect(cancelled).toMatchObject({ code: 1, err: expect.stringContaining('cannot be called back') });
});

test('a device that is not on the known list is refused, with the one that was meant', async () => {
  await stack.db.query(
    `insert into fleet_devices (account, device_id, name, type, sim, device_group, free, listed_at)
     values ($1, $2, '', '', '', '', false, now())`,
    [stack.account, device],
  );
  const typo = `${device.slice(0, -1)}x`;
  const ran = await sluice(['command', 'gps51', typo, 'STOP']);
  expect(ran).toMatchObject({ code: 2, out: '', err: expect.stringContaining(`did you mean ${device}?`) });
  expect(await sluice(['command', 'openai', device, 'STOP'])).toMatchObject({ code: 2 });
  expect(await sluice(['command', 'gps51', device, 'STOP', '--account', 'nobody'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('account "nobody" is not in the settings'),
  });
});

test('a command that no worker takes in time is not sent, and is not sent later either', async () => {
  const queue = { TEMPORAL_TASK_QUEUE: 'nobody-works-here' };
  const args = ['command', 'gps51', device, 'ALONE', '--timeout', '1s', '--wait'];
  const ran = await sluice(args, '', queue);
  expect(ran).toMatchObject({ code: 1, out: expect.stringContaining('failed (expired)') });
  expect(ran.err).toContain('No worker runs now');
});

test('who waits learns the result although Temporal has gone and the database was away', async () => {
  const database = new URL(stack.databaseUrl);
  const [temporal, postgres] = [
    await startBreakableProxy(stack.temporalAddress),
    await startBreakableProxy(database.host),
  ];
  database.host = postgres.address;
  stack.simulator.control({
    clearCommandOutcomes: true,
    commandOutcomes: [{ device: '*', command: 'CUT-OFF', result: 6, afterMs: 4000 }],
  });
  const ran = sluice(['command', 'gps51', device, 'CUT-OFF', '--id', 'cut-off', '--wait'], '', {
    DATABASE_URL: database.toString(),
    TEMPORAL_ADDRESS: temporal.address,
  });
  await eventually('it is being sent', async () => {
    const [command] = await findCommands(stack.db, 'cut-off');
    return command?.state === 'sending';
  });
  temporal.cut();
  postgres.cut();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  postgres.restore();
  expect(await ran).toMatchObject({ code: 0, out: expect.stringContaining('succeeded (confirmed)') });
  await Promise.all([temporal.close(), postgres.close()]);
});

test('bad input names the field and what would be right', async () => {
  const ran = await sluice(['command', 'gps51', device, 'STOP', '--timeout', 'soon']);
  expect(ran).toMatchObject({ code: 2, err: expect.stringContaining('--timeout: "soon"') });
  const empty = await sluice(['command', 'gps51', '', 'STOP']);
  expect(empty).toMatchObject({ code: 2, err: expect.stringContaining('device: "" must be 1 to 200') });
});
