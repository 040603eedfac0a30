/**
 * Where test files run: in the realm of the jest worker itself, and not, as in jest's own environment, in one for each
 * file. So what packages make (errors, arrays, buffers) is the tests' own kind, and a package loaded once serves all
 * files of a worker, see runtime.cjs. What a file leaves behind in the process is taken back here.
 */
const { ModuleMocker } = require('jest-mock');

/** What Temporal keeps for a process: closed with the file, whose tests may install another with a log of their own. */
async function closeTemporal() {
  const loaded = require.cache[require.resolve('@temporalio/worker')];
  await loaded?.exports.Runtime._instance?.shutdown();
}

/** Own properties of an object, as they are now; returns what puts them back. */
function remember(object) {
  const before = Object.getOwnPropertyDescriptors(object);
  return () => {
    for (const key of Reflect.ownKeys(object)) {
      if (!Object.hasOwn(before, key)) Reflect.deleteProperty(object, key);
    }
    for (const key of Reflect.ownKeys(before)) {
      const { value, configurable } = before[key];
      if (configurable && 'value' in before[key] && object[key] !== value) {
        Object.defineProperty(object, key, before[key]);
      }
    }
  };
}

module.exports = class WorkerRealm {
  /** There are no fake timers: time is a parameter of what decides, and the rest waits for real. */
  fakeTimers = null;
  fakeTimersModern = null;
  global = globalThis;
  moduleMocker = new ModuleMocker(globalThis);
  #takeBack = [remember(globalThis), remember(Error), remember(process.env)];
  #folder = process.cwd();
  #exit = process.exit;

  async setup() {}

  async teardown() {
    await closeTemporal();
    for (const takeBack of this.#takeBack) takeBack();
    process.exit = this.#exit;
    process.chdir(this.#folder);
  }

  exportConditions() {
    return ['node', 'node-addons'];
  }

  getVmContext() {
    return globalThis;
  }
};
