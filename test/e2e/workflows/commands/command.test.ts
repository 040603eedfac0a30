import { type CommandOutcome, createCommand, knownCommand } from '../../../../store/commands/commands';
import { readCallCounts } from '../../../../store/permits/call-counts';
import { applyPoolEvent, readPool } from '../../../../store/pools/pools';
import type { LimitReport } from '../../../../vendors/kit/judge/limit-book';
import { cancelSignal, commandStatusQuery, resumeSignal } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { commandStack } from '../../../support/stacks/command-stack';
import { COMMAND_PASSWORD, FLEET_PASSWORD, QUICK_GPS51 } from '../../../support/stacks/gps51-stack';

const { running, ask, outcome, received, operations, simulated, useStack, start } = commandStack();

describe('with a worker', () => {
  beforeAll(async () => {
    await useStack();
    await running.stack.startWorker();
  });

  beforeEach(() => {
    running.stack.simulator.control({ clearCommandOutcomes: true, clearErrors: true, clearFaults: true });
  });

  afterAll(() => running.stack.close());

  test.each([
    [0, 'succeeded', 'sent'],
    [1, 'failed', 'bad-password'],
    [2, 'failed', 'offline'],
    [3, 'succeeded', 'cached'],
    [4, 'failed', 'default-password'],
    [5, 'failed', 'error'],
    [6, 'succeeded', 'confirmed'],
    [7, 'failed', 'retries-failed'],
    [8, 'unknown', 'confirmation-timeout'],
  ] as const)('result %i: %s, %s', async (result, state, name) => {
    running.stack.simulator.control({ commandOutcomes: [{ device: '*', command: '*', result, afterMs: 5 }] });
    const code = `RESULT-${result}`;
    const ended = await outcome({ code });
    expect(ended).toMatchObject({ state, name, code: String(result) });
    expect(ended.message).not.toBe('');
    expect(await received(code)).toBe(1);
    expect(await knownCommand(running.stack.db, ended.id)).toMatchObject({ attempts: 1 });
  });

  test('an expired token costs one login, and the command is received once', async () => {
    expect(await outcome({ code: 'BEFORE' })).toMatchObject({ state: 'succeeded' });
    const logins = (await operations()).filter((o) => o === 'login').length;
    running.stack.simulator.control({ expireTokens: true });
    expect(await outcome({ code: 'AFTER' })).toMatchObject({ state: 'succeeded', name: 'confirmed' });
    expect((await operations()).filter((o) => o === 'login')).toHaveLength(logins + 1);
    expect(await received('AFTER')).toBe(1);
  });

  test('“too fast” (8902) carries nothing out: it waits and is sent again', async () => {
    running.stack.simulator.control({ addErrors: [{ code: 8902, action: 'sendcmd', count: 1 }] });
    const ended = await outcome({ code: 'PATIENT' });
    expect(ended).toMatchObject({ state: 'succeeded', name: 'confirmed' });
    expect(await received('PATIENT')).toBe(1);
    expect(await knownCommand(running.stack.db, ended.id)).toMatchObject({ attempts: 2 });
  });

  test('what the vendor refuses is a failure with the vendor’s words', async () => {
    running.stack.simulator.control({
      addErrors: [{ code: -1, action: 'sendcmd', count: 1, cause: 'no such command' }],
    });
    expect(await outcome()).toMatchObject({
      state: 'failed',
      name: 'refused',
      code: '-1',
      message: expect.stringContaining('no such command'),
    });
  });

  test('a result that nobody knows is an unknown outcome with the vendor’s code', async () => {
    running.stack.simulator.control({
      addErrors: [{ code: 77, action: 'sendcmd', count: 1, cause: 'new words' }],
    });
    expect(await outcome()).toMatchObject({
      state: 'unknown',
      name: 'unrecognised',
      code: '77',
      message: 'new words',
    });
  });

  test('a lost answer is an unknown outcome, and is not sent again', async () => {
    running.stack.simulator.control({
      addFaults: [{ kind: 'drop-after-processing', operation: 'sendcmd', count: 1 }],
    });
    expect(await outcome({ code: 'LOST' })).toMatchObject({ state: 'unknown', name: 'no-answer' });
    expect(await received('LOST')).toBe(1);
  });

  test('a repeatable command whose answer is lost is sent again', async () => {
    running.stack.simulator.control({
      addFaults: [{ kind: 'drop-after-processing', operation: 'sendcmd', count: 1 }],
    });
    const ended = await outcome({ code: 'LOST-AGAIN', repeatable: true });
    expect(ended).toMatchObject({ state: 'succeeded', name: 'confirmed' });
    expect(await received('LOST-AGAIN')).toBe(2);
  });

  test.each([
    ['a server error', { kind: 'status', status: 502 }],
    ['an answer that nobody can read', { kind: 'garbage-body' }],
  ] as const)('%s is an unknown outcome', async (_, fault) => {
    running.stack.simulator.control({ addFaults: [{ ...fault, operation: 'sendcmd', count: 1 }] });
    const before = (await operations()).filter((o) => o === 'sendcmd').length;
    expect(await outcome({ code: 'ODD' })).toMatchObject({ state: 'unknown', name: 'no-answer' });
    expect((await operations()).filter((o) => o === 'sendcmd')).toHaveLength(before + 1);
  });

  test('the same request id is the same command', async () => {
    const once = await outcome({ requestId: 'only-once', code: 'ONCE' });
    const { command: again, created } = await createCommand(running.stack.db, {
      ...(await knownCommand(running.stack.db, once.id)),
      requestId: 'only-once',
    });
    expect(created).toBe(false);
    expect(again).toMatchObject({ id: once.id, state: 'succeeded' });
    // Started once more, it says what became of it and sends nothing.
    expect(await (await start(again)).result()).toMatchObject({ state: 'succeeded', name: 'confirmed' });
    expect(await received('ONCE')).toBe(1);
  });

  test('a closed pool fails a command clearly, with the time', async () => {
    await applyPoolEvent(running.stack.db, running.stack.pool, {
      type: 'pause',
      reason: 'stock count',
      until: Date.now() + 3_600_000,
    });
    const ended = await outcome({ code: 'CLOSED' });
    expect(ended).toMatchObject({ state: 'failed', name: 'pool-closed' });
    expect(ended.message).toMatch(/stock count/);
    expect(ended.message).toMatch(/until \d{4}-\d\d-\d\dT/);

    // One that is to wait is sent when the pool opens.
    const { handle } = await ask({ code: 'WAITING', waitForPool: true, timeoutMs: 60_000 });
    await eventually('it waits', async () => (await handle.query(commandStatusQuery)).phase === 'waiting');
    expect(await received('WAITING')).toBe(0);
    await running.stack.client.workflow.getHandle(`pool:${running.stack.pool}`).signal(resumeSignal);
    expect(await handle.result()).toMatchObject({ state: 'succeeded' });
    expect(await received('CLOSED')).toBe(0);
    expect(await received('WAITING')).toBe(1);
  });

  test('a command that waits can be called back, and is then never sent', async () => {
    await applyPoolEvent(running.stack.db, running.stack.pool, {
      type: 'pause',
      reason: 'stock count',
      until: null,
    });
    const { handle, id } = await ask({ code: 'RECALLED', waitForPool: true });
    await eventually('it waits', async () => (await handle.query(commandStatusQuery)).phase === 'waiting');
    await handle.signal(cancelSignal, 'not needed any more');
    expect(await handle.result()).toMatchObject({ state: 'cancelled', message: 'not needed any more' });
    expect(await knownCommand(running.stack.db, id)).toMatchObject({ state: 'cancelled' });
    await running.stack.client.workflow.getHandle(`pool:${running.stack.pool}`).signal(resumeSignal);
    await eventually('the pool is open', async () => {
      const pool = await readPool(running.stack.db, running.stack.pool);
      return pool?.state.state === 'closed' || pool?.state.state === 'half_open';
    });
    expect(await outcome({ code: 'NEXT' })).toMatchObject({ state: 'succeeded' });
    expect(await received('RECALLED')).toBe(0);
  });

  test('a command whose time is over is not sent later', async () => {
    const { command: made } = await createCommand(running.stack.db, {
      account: running.stack.account,
      requestId: null,
      device: running.device,
      code: 'LATE',
      params: [],
      repeatable: false,
      timeoutMs: 1,
      waitForPool: false,
      askedBy: 'a test',
    });
    const result = await (await start(made)).result();
    expect(result).toMatchObject({ state: 'failed', name: 'expired' });
    expect(await received('LATE')).toBe(0);
  });

  test('commands are counted under the name of their function, and no password is anywhere', async () => {
    const { handle } = await ask({ code: 'COUNTED' });
    await handle.result();
    const counts = await eventually('counted', async () => {
      const all = await readCallCounts(running.stack.db, running.stack.pool, 0);
      return all.some((c) => c.operation === 'sendcmd') ? all : null;
    });
    expect(counts.filter((c) => c.operation === 'sendcmd').map((c) => c.caller)).toEqual(
      expect.arrayContaining(['execute-vehicle-command']),
    );
    expect(counts.find((c) => c.operation === 'login')?.caller).toBe('gps-auth');
    const history = JSON.stringify(await handle.fetchHistory());
    const { rows } = await running.stack.db.query('select commands::text as row from commands');
    for (const secret of [COMMAND_PASSWORD, FLEET_PASSWORD]) {
      expect(history).not.toContain(secret);
      expect(JSON.stringify(rows)).not.toContain(secret);
    }
  });
});

describe('devices that do not answer in time', () => {
  beforeAll(async () => {
    await useStack({ account: { timeoutSeconds: 0.5 }, scenario: { commands: { timeoutMs: 60_000 } } });
    await running.stack.startWorker();
  });

  afterAll(() => running.stack.close());

  test('any number of them is no reason to call the vendor no more', async () => {
    running.stack.simulator.control({
      commandOutcomes: [{ device: '*', command: '*', result: 6, afterMs: 3000 }],
    });
    const ended = await Promise.all(Array.from({ length: 8 }, (_, i) => outcome({ code: `SILENT-${i}` })));
    expect(ended.map((e) => e.name)).toEqual(ended.map(() => 'no-answer'));
    expect((await readPool(running.stack.db, running.stack.pool))?.state).toMatchObject({
      state: 'closed',
      failures: 0,
    });
  });
});

describe('a database that is slow to say that a command may leave', () => {
  beforeAll(async () => {
    // So much slack that a stall of this machine is no arrival too close.
    const own = { ...QUICK_GPS51, spacing: { ms: 150, slackMs: 60 } };
    await useStack({ account: { limits: own }, scenario: { limits: { spacing: { ms: 150 } } } });
    await running.stack.startWorker();
  });

  afterAll(() => running.stack.close());

  test('lets none arrive too close before the next', async () => {
    expect(await outcome({ code: 'FIRST' })).toMatchObject({ state: 'succeeded' });
    await running.stack.db.query(
      `create function dawdle() returns trigger language plpgsql as $$
       begin if new.state = 'sending' and new.code = 'SLOW' then perform pg_sleep(0.1); end if; return new; end $$`,
    );
    await running.stack.db.query(
      'create trigger dawdle before update on commands for each row execute function dawdle()',
    );
    const codes = ['SLOW', 'QUICK', 'SLOW', 'QUICK', 'SLOW', 'QUICK'];
    const ended = await Promise.all(codes.map((code) => outcome({ code })));
    expect(ended.map((e) => e.state)).toEqual(codes.map(() => 'succeeded'));
    // A departure that was missed is no attempt.
    const sent = await Promise.all(ended.map(({ id }) => knownCommand(running.stack.db, id)));
    expect(sent.map((c) => c.attempts)).toEqual(codes.map(() => 1));
    const { limits } = await simulated<{ limits: LimitReport[] }>('stats');
    expect(limits.find((l) => l.limit === 'spacing')).toMatchObject({ allowed: 1, worst: 1 });
  });
});

describe('a worker that is killed while it sends', () => {
  beforeAll(async () => {
    await useStack({ scenario: { commands: { timeoutMs: 60_000 } } });
  });

  afterAll(() => running.stack.close());

  /** Kills the worker when the vendor has the command and takes its time, and lets another one go on. */
  async function killInTheMiddle(code: string, repeatable: boolean): Promise<CommandOutcome> {
    running.stack.simulator.control({
      clearCommandOutcomes: true,
      commandOutcomes: [{ device: '*', command: code, result: 6, afterMs: 8000, count: 1 }],
    });
    const worker = await running.stack.startWorkerProcess();
    const { handle } = await ask({ code, repeatable, timeoutMs: 60_000 });
    await eventually('the vendor has it', async () => (await received(code)) > 0);
    await worker.kill();
    expect(worker.log()).not.toContain(COMMAND_PASSWORD);
    const next = await running.stack.startWorkerProcess();
    const result = await handle.result();
    await next.kill();
    return result;
  }

  test('its outcome is unknown, and the vendor has received it once', async () => {
    const ended = await killInTheMiddle('KILLED', false);
    expect(ended).toMatchObject({ state: 'unknown', name: 'interrupted' });
    expect(await received('KILLED')).toBe(1);
  });

  test('a repeatable one is sent again, and confirmed', async () => {
    const ended = await killInTheMiddle('KILLED-AGAIN', true);
    expect(ended).toMatchObject({ state: 'succeeded', name: 'confirmed' });
    expect(await received('KILLED-AGAIN')).toBe(2);
  });
});
