/** Commands of a platform that has no `sendcmd`: they are handed over, and their results polled. */
import { knownCommand } from '../../../../store/commands/commands';
import { commandStack } from '../../../support/stacks/command-stack';

const { running, useStack, outcome, received, operations } = commandStack();

describe('a platform without sendcmd', () => {
  beforeAll(async () => {
    await useStack({ scenario: { missingActions: ['sendcmd'] } });
    await running.stack.startWorker();
  });

  afterAll(() => running.stack.close());

  test('the other form is used, its result polled, and remembered for the next command', async () => {
    const first = await outcome({ code: 'FIRST' });
    expect(first).toMatchObject({ state: 'succeeded', name: 'confirmed' });
    expect(await knownCommand(running.stack.db, first.id)).toMatchObject({
      vendorCommandId: expect.stringMatching(/^cmd-/),
    });
    expect(await outcome({ code: 'SECOND' })).toMatchObject({ state: 'succeeded' });
    const seen = await operations();
    expect(seen.filter((o) => o === 'sendcmd')).toHaveLength(1);
    expect(seen.filter((o) => o === 'sendcommand')).toHaveLength(2);
    expect(await received('FIRST')).toBe(1);
    expect(await received('SECOND')).toBe(1);
  });

  test('a result that never comes is an unknown outcome, never a success', async () => {
    running.stack.simulator.control({
      commandOutcomes: [{ device: '*', command: 'NEVER', result: 6, afterMs: 3_600_000 }],
    });
    const ended = await outcome({ code: 'NEVER', timeoutMs: 3000 });
    expect(ended).toMatchObject({ state: 'unknown', name: 'timeout' });
    expect(ended.message).toMatch(/cmd-.* no result came within 3 s/);
    expect(await received('NEVER')).toBe(1);
  });

  test.each([
    [2, 'failed', 'offline'],
    [3, 'succeeded', 'cached'],
  ] as const)('a result of %i at once, with nothing to ask by, is the result', async (code, state, name) => {
    running.stack.simulator.control({
      addErrors: [{ code, action: 'sendcommand', count: 1, cause: 'words' }],
    });
    expect(await outcome()).toMatchObject({ state, name, code: String(code), message: 'words' });
  });

  test.each([
    ['of another command', { code: 2, more: { commandid: 'another' } }],
    ['with a word for its status', { code: 'confirmed' }],
    ['that is abnormal', { code: -1, cause: 'system abnormality' }],
    ['that says in words that calls are too fast', { code: 5, cause: 'ip limit:203.0.113.7' }],
  ])('an answer %s ends nothing: the result is asked for again', async (_, error) => {
    running.stack.simulator.control({ addErrors: [{ action: 'querycommand', count: 1, ...error }] });
    expect(await outcome({ code: 'ODD' })).toMatchObject({ state: 'succeeded', name: 'confirmed' });
  });

  test('answers that never say anything of it are asked for at the pace of polling, and named', async () => {
    const polls = async () => (await operations()).filter((o) => o === 'querycommand').length;
    running.stack.simulator.control({ addErrors: [{ code: 'later', action: 'querycommand' }] });
    const before = await polls();
    expect(await outcome({ code: 'WORDS', timeoutMs: 8000 })).toMatchObject({
      state: 'unknown',
      name: 'timeout',
      message: expect.stringContaining('no status that is a number: later'),
    });
    // After 1, 2 and 4 s, and once more at the end.
    expect((await polls()) - before).toBeLessThanOrEqual(4);
    running.stack.simulator.control({ clearErrors: true });
  });

  test('taken without an id to ask by it is of unknown outcome, which says so', async () => {
    running.stack.simulator.control({
      addErrors: [{ code: 0, cause: 'ok', action: 'sendcommand', count: 1, more: { commandid: 0 } }],
    });
    expect(await outcome()).toMatchObject({
      state: 'unknown',
      name: 'no-answer',
      message: expect.stringContaining('commandid: is missing'),
    });
  });

  test('a lost answer to the handing over is unknown as well', async () => {
    running.stack.simulator.control({
      addFaults: [{ kind: 'drop-after-processing', operation: 'sendcommand', count: 1 }],
    });
    expect(await outcome({ code: 'HANDED' })).toMatchObject({ state: 'unknown', name: 'no-answer' });
    expect(await received('HANDED')).toBe(1);
  });
});
