import { untilInterrupted } from '../../../../client/cli/interrupt';

afterEach(() => jest.restoreAllMocks());

test('one press that arrives twice is one; another one later exits at once', () => {
  const exit = jest.spyOn(process, 'exit').mockImplementation((() => undefined) as never);
  const now = jest.spyOn(performance, 'now').mockReturnValue(1000);
  const { signal, done } = untilInterrupted();
  process.emit('SIGINT');
  now.mockReturnValue(1020);
  process.emit('SIGINT');
  expect(signal.aborted).toBe(true);
  expect(exit).not.toHaveBeenCalled();
  now.mockReturnValue(1600);
  process.emit('SIGTERM');
  expect(exit).toHaveBeenCalledWith(130);
  done();
});

test('it keeps the process alive for whoever waits for it alone', async () => {
  const timers = jest.spyOn(globalThis, 'setInterval');
  const interrupt = untilInterrupted();
  expect(timers).not.toHaveBeenCalled();
  const { promise } = interrupt;
  expect(timers).toHaveBeenCalledTimes(1);
  interrupt.done();
  await promise;
  await interrupt.promise;
  expect(timers).toHaveBeenCalledTimes(1);
});
