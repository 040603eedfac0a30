import { pino } from 'pino';
import {
  causeOf,
  logEventOnce,
  MAX_CAUSES,
  QUIET_MS,
  ReportedCauses,
  warnOnce,
} from '../../../../activities/log/warn-once';

function recorder(level = 'info') {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { log, lines };
}

describe('a warning that repeats', () => {
  test('is given once for each cause, and for each one that it is of', () => {
    const { log, lines } = recorder();
    for (let call = 0; call < 1000; call++) {
      const error = new Error(`connect ECONNREFUSED 127.0.0.1:${5000 + call}`);
      warnOnce(log, { pool: `openai/team${call % 2}` }, error, 'not written', { file: `${call}.entry` });
    }
    warnOnce(log, { pool: 'openai/team0' }, new Error('deadlock detected'), 'not written');
    warnOnce(log, { pool: 'openai/team0' }, new Error('deadlock detected'), 'not read');
    expect(lines.map(({ pool, error, msg, level }) => [level, pool, error, msg])).toEqual(
      [
        ['warn', 'openai/team0', 'Error: connect ECONNREFUSED 127.0.0.1:5000', 'not written'],
        ['warn', 'openai/team1', 'Error: connect ECONNREFUSED 127.0.0.1:5001', 'not written'],
        ['warn', 'openai/team0', 'Error: deadlock detected', 'not written'],
        ['warn', 'openai/team0', 'Error: deadlock detected', 'not read'],
      ].map(([, ...rest]) => [40, ...rest]),
    );
    expect(lines[0]).toMatchObject({ file: '0.entry' });
  });

  test('stands in the log at level debug each time', () => {
    const { log, lines } = recorder('debug');
    for (let call = 0; call < 3; call++) warnOnce(log, {}, 'away', 'not written');
    expect(lines.map(({ level }) => level)).toEqual([40, 20, 20]);
  });

  test('is given again once it was quiet for an hour, not while it goes on', () => {
    const causes = new ReportedCauses();
    expect(causes.isNews('a', 0)).toBe(true);
    for (let at = 1; at < 5; at++) expect(causes.isNews('a', at * (QUIET_MS - 1))).toBe(false);
    expect(causes.isNews('a', 4 * (QUIET_MS - 1) + QUIET_MS)).toBe(true);
  });

  test('needs a bounded memory, and keeps what still repeats', () => {
    const causes = new ReportedCauses();
    causes.isNews('repeats', 0);
    for (let n = 0; n < 10 * MAX_CAUSES; n++) {
      causes.isNews(`once ${n}`, n);
      expect(causes.isNews('repeats', n)).toBe(false);
    }
    expect(causes.size).toBe(MAX_CAUSES);
  });

  test('as an event is distinguished by whose it is and why', () => {
    const { log, lines } = recorder();
    for (const [batch, reason] of [
      [1, 'x'],
      [1, 'x'],
      [2, 'x'],
      [1, 'y'],
      [1, 'x'],
    ] as const) {
      logEventOnce(log, 'batch.cancel_fails', { batch, reason }, reason, { of: batch, why: reason });
    }
    expect(lines.map(({ batch, reason, event }) => [event, batch, reason])).toEqual([
      ['batch.cancel_fails', 1, 'x'],
      ['batch.cancel_fails', 2, 'x'],
      ['batch.cancel_fails', 1, 'y'],
    ]);
  });

  test.each([
    ['HTTP 400', 'HTTP 500', false],
    ['file 4821 is gone', 'file 4822 is gone', true],
    ['req 6d0bd00c-5d2a-4c5e-9d2e-0a1b2c3d4e5f', 'req 7e0bd00c-5d2a-4c5e-9d2e-0a1b2c3d4e5f', true],
  ])('%s and %s are one cause: %s', (one, other, same) => {
    expect(causeOf(one) === causeOf(other)).toBe(same);
  });
});
