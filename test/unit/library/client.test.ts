import { createSluice, OperationError } from '../../../library';
import { temporaryFolder } from '../../support/run/run-folder';

const settings = 'accounts: { texts: { vendor: openai, apiKey: "env:NONE" } }';
const cwd = temporaryFolder('library');
const create = () => createSluice({ settings, cwd, env: {} });

test('input is checked by field before anything is called', async () => {
  const asked = create().pools.pause({ pool: 'texts', reason: 'stock-taking', moon: 1 } as never);
  await expect(asked).rejects.toMatchObject({ code: 'UNKNOWN_FIELD', field: 'moon' });
  await expect(create().pools.pause({ pool: 'none', reason: 'x' })).rejects.toMatchObject({ field: 'pool' });
});

test('a server that does not run is reported as such', async () => {
  const error = await create()
    .pools.list({})
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(OperationError);
  expect(error).toMatchObject({ code: 'NO_SERVER', status: 'unavailable' });
});

test('settings that are wrong are refused with what is wrong, and so are two of them', () => {
  expect(() => createSluice({ settings: 'acounts: {}', cwd, env: {} })).toThrow(/acounts/);
  expect(() => createSluice({ settings, settingsPath: 'x.yaml' })).toThrow(/give one of them/);
});

test('without servers the status says so part by part, and the doctor says what there is, and both are data', async () => {
  const { worker, batches, troubles } = await create().system.status({});
  for (const part of [worker, batches, troubles]) {
    expect(part).toEqual({ problem: expect.stringMatching(/no (?:Temporal|database) runs for/) });
  }
  const checks = await create().system.doctor({});
  expect(checks).toContainEqual({ name: 'Node', result: 'ok', detail: process.versions.node });
  expect(checks).toContainEqual({ name: 'Accounts', result: 'ok', detail: 'texts' });
});
