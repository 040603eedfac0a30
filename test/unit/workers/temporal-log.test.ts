import pino from 'pino';
import { temporalLogger } from '../../../workers/log';

test("an error in a line of Temporal's own has its message and its cause", () => {
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  temporalLogger(log).warn('Activity failed', { error: new Error('the login said no'), attempt: 2 });
  expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({
    msg: 'Activity failed',
    attempt: 2,
    err: { type: 'Error', message: 'the login said no' },
  });
});
