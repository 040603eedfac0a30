/** A gateway to a scripted vendor, with a database, for tests of single calls. */
import type { Pool } from 'pg';
import type { CallTerms } from '../../activities/gateway/call-terms';
import type { LimitTemplate } from '../../quota/limits/limit';
import { createPool } from '../../store/db';
import type { CallResult } from '../../vendors/contract';
import { answer, type Said, type ScriptedGateway, scriptedGateway } from './scripted-gateway';
import { type TestDatabase, testDatabase, uniqueName } from './stacks/embedded';

export const BY_IP: LimitTemplate = {
  name: 'ip-per-minute',
  operations: '*',
  scope: '{egressIp}',
  unit: 'calls',
  window: { kind: 'rolling', count: 100, ms: 60_000 },
  mode: 'enforce',
  source: 'test',
};

/** To be called once in a test file: each test has a gateway of its own. */
export function scriptedCalls() {
  let database: TestDatabase;
  const rig = {} as { db: Pool; scripted: ScriptedGateway };

  beforeAll(async () => {
    database = await testDatabase();
    rig.db = createPool(database.url, { max: 8 });
  });
  afterAll(async () => {
    await rig.db?.end();
    await database?.drop();
  });
  beforeEach(() => {
    rig.scripted = scriptedGateway(rig.db);
  });

  const newAccount = () =>
    rig.scripted.account(uniqueName('account'), [BY_IP], { attributes: { egressIp: uniqueName('ip') } });

  /** Makes one call that is answered with each of `said` in turn. */
  async function call(terms: CallTerms, ...said: readonly Said[]): Promise<CallResult> {
    const left = [...said];
    return rig.scripted.gateway.call({
      ...terms,
      send: async () => {
        const next = left.shift();
        if (next === undefined) throw new Error('the call was sent more often than the test foresaw');
        return answer(next);
      },
    });
  }

  return { rig, newAccount, call };
}

/** What the work fails with. */
export const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error,
  );
