/** `sluice vault rotate` while calls are in flight: none fails, and nobody logs in more often than the keys demand. */
import { setTimeout as delay } from 'node:timers/promises';
import { Runtime } from '@temporalio/worker';
import { readPool } from '../../../../store/pools/pools';
import { generateKey, KeyRing } from '../../../../store/secrets/keyring';
import { Vault } from '../../../../store/secrets/vault';
import type { positionsTick, TickResult } from '../../../../workflows/fleet/fleet-ticks';
import { callsSeen } from '../../../support/callers/vendor-view';
import { cliFor } from '../../../support/cli';
import { uniqueName } from '../../../support/stacks/embedded';
import { FLEET_PASSWORD, type Gps51Stack, startGps51Stack } from '../../../support/stacks/gps51-stack';

const old = generateKey();
const newer = generateKey();
const both = `${newer}\n${old}`;

let stack: Gps51Stack;

afterAll(async () => {
  await stack?.close();
  await Runtime.instance().shutdown();
});

function tick(name: 'positionsTick' | 'tripsTick'): Promise<TickResult> {
  const dataset = name === 'positionsTick' ? 'gps51/positions' : 'gps51/trips';
  return stack.client.workflow.execute<typeof positionsTick>(name, {
    workflowId: uniqueName('tick'),
    taskQueue: stack.settings.temporal.taskQueue,
    args: [{ dataset, account: stack.account, intervalMs: 60_000 }],
  });
}

const logins = async () =>
  (await callsSeen(stack.simulator.url)).filter(({ operation }) => operation === 'login').length;

test('calls go on over a rotation of secrets and tokens, with one login for it', async () => {
  stack = await startGps51Stack({
    key: both,
    scenario: { latencyMs: { min: 50, max: 150 }, fleet: { devices: 12, parkedShare: 0 } },
    account: { password: 'vault:gps51/fleet/password' },
  });
  const cli = cliFor(stack);
  await new Vault(stack.db, KeyRing.parse(old)).put('gps51/fleet/password', FLEET_PASSWORD);
  await stack.startWorker();
  expect(await tick('positionsTick')).toMatchObject({ outcome: 'done' });
  // The token of before the new key came: as if it had been stored by workers that had the old one alone.
  const oldId = KeyRing.parse(old).currentId;
  await stack.db.query('update tokens set key_id = $1', [oldId]);
  const before = await logins();

  let going = true;
  const load = Array.from({ length: 6 }, async () => {
    const results: TickResult[] = [];
    while (going) results.push(await tick('positionsTick'));
    return results;
  });
  await delay(500);
  // The server is shared with other tests: what their workflows need is said on the other stream.
  for (let round = 0; round < 3; round++) {
    const rotated = await cli(['vault', 'rotate'], '', { SLUICE_VAULT_KEY: both });
    expect(rotated.out).toContain(`${round === 0 ? '1 entry' : '0 entries'} encrypted again`);
  }
  going = false;
  const results = (await Promise.all(load)).flat();
  expect(results.length).toBeGreaterThan(6);
  expect(results.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
  expect(await readPool(stack.db, stack.pool)).toMatchObject({ state: { state: 'closed', strikes: 0 } });
  expect((await logins()) - before).toBe(1);
  const { rows } = await stack.db.query(
    'select key_id from vault union select key_id from tokens where key_id is not null',
  );
  expect(rows).toEqual([{ key_id: KeyRing.parse(newer).currentId }]);
});
