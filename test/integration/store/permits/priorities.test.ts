/** Who gets the next permit of a limit when callers of several priorities wait. */
import { PRIORITIES, type Priority } from '../../../../quota/limits/limit';
import type { ModelRequest } from '../../../support/models/permit-model';
import { type LimitSpec, PLAIN_START } from '../../../support/models/permit-scenarios';
import { permitTrial } from '../../../support/models/permit-trial';

jest.setTimeout(600_000);

const { register, take } = permitTrial();

describe('a more important caller that waits', () => {
  const spent = (unit: 'calls' | 'tokens'): LimitSpec => ({
    window: { kind: 'rolling', count: 2, ms: 60_000 },
    slackMs: 0,
    unit,
    mode: 'enforce',
    reserve: { background: 0, scheduled: 0, live: 0 },
  });

  test.each([
    ['calls', 'interactive'],
    ['tokens', 'background'],
  ] as const)(
    'for %s of a long window that are spent at once: the next slot is of the %s one',
    async (unit, winner) => {
      const [limit] = await register([spent(unit)]);
      const ask = (priority: Priority): ModelRequest => ({
        priority,
        charges: [{ key: limit?.key ?? '', units: 1 }],
      });
      await take([ask('background'), ask('background')], 0, PLAIN_START);
      const [waits] = await take([ask('interactive')], 0, PLAIN_START + 1000);
      expect(waits).toMatchObject({ granted: false, retryAt: PLAIN_START + 60_000 });
      // Every other caller asks first when the slot is free.
      const freed = PLAIN_START + 60_000;
      const lower = await take([ask('background'), ask('scheduled'), ask('live')], 0, freed);
      expect(lower.some((decision) => decision.granted)).toBe(winner !== 'interactive');
      const [command] = await take([ask('interactive')], 0, freed + 1);
      expect(command?.granted).toBe(winner === 'interactive');
    },
  );

  test('is served before the live one, that before the scheduled, and history comes last', async () => {
    const [limit] = await register([{ ...spent('calls'), window: { kind: 'spacing', ms: 64 } }]);
    const order = [...PRIORITIES].reverse();
    const ask = (priority: Priority): ModelRequest => ({
      priority,
      charges: [{ key: limit?.key ?? '', units: 1 }],
    });
    await take([ask('background')], 0, PLAIN_START);
    for (const [i, first] of order.entries()) {
      const waiting = PRIORITIES.slice(0, order.length - i);
      const decisions = await take(waiting.map(ask), 0, PLAIN_START + 64 * (i + 1));
      expect(waiting.filter((_, j) => decisions[j]?.granted)).toEqual([first]);
    }
  });

  test('leaves the reserve to those above it: each priority may use a little more than the one below', async () => {
    const [limit] = await register([
      {
        ...spent('calls'),
        window: { kind: 'rolling', count: 8, ms: 60_000 },
        reserve: { background: 0.5, scheduled: 0.25, live: 0.125 },
      },
    ]);
    const granted: number[] = [];
    for (const [i, priority] of PRIORITIES.entries()) {
      const ask: ModelRequest = { priority, charges: [{ key: limit?.key ?? '', units: 1 }] };
      const decisions = await take(Array<ModelRequest>(8).fill(ask), 0, PLAIN_START + i);
      granted.push(decisions.filter((decision) => decision.granted).length);
    }
    expect(granted).toEqual([4, 2, 1, 1]);
  });
});
