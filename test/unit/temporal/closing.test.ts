import { RepetitionsUntilClosed } from '../../../temporal/closing';

type Interceptor = RepetitionsUntilClosed['interceptor'];
type Options = Parameters<Interceptor>[0];

function setUp() {
  const repetitions = new RepetitionsUntilClosed();
  const reached: object[] = [];
  const call = (options: object) =>
    repetitions.interceptor(options as Options, (given) => {
      reached.push(given);
      throw new Error('Channel has been shut down');
    });
  return { repetitions, reached, call };
}

test('a call that is repeated after the closing does not reach the connection', () => {
  const { repetitions, reached, call } = setUp();
  const options = {};
  expect(() => call(options)).toThrow('shut down');
  repetitions.close();
  const silent = call(options);
  silent.start({} as Parameters<typeof silent.start>[0]);
  silent.sendMessage({});
  silent.halfClose();
  expect(reached).toEqual([options]);
});

test('a new call after the closing fails where it is made', () => {
  const { repetitions, call } = setUp();
  repetitions.close();
  expect(() => call({})).toThrow('shut down');
});
