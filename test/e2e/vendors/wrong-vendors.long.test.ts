/** That the check that kills can fail: on a vendor that repeats work, and on one that loses it. */
import { testPostgresUrl, testTemporal } from '../../support/stacks/embedded';
import { problemsOf, vehicles } from '../../support/vendors/acme-variant';

const KILL = 'a kill in the middle neither loses nor repeats: reads of vehicles';
const servers = async () => [
  ...['--postgres', await testPostgresUrl()],
  ...['--temporal', (await testTemporal()).address],
];

test('a vendor that reads again what is there fails the check that kills', async () => {
  // Nothing that it has answered is ever young enough: whoever goes on after the kill pays for all of it again.
  const code = vehicles('reads: vehicles.reads.map((read) => ({ ...read, staleMs: 0 }))');
  const problems = await problemsOf(code, await servers());
  expect(problems[KILL]).toMatch(/arrived for \d+ reads, though only \d+ were in flight at the kill/);
});

test('a vendor whose lock outlives its process fails the check that kills', async () => {
  const code = `
import { writeFileSync } from 'node:fs';
${vehicles(`
    read: (name, of) => {
      if (process.argv[1].endsWith('reader.js')) {
        try {
          writeFileSync(new URL(of.vehicleId + name + '.lock', import.meta.url), '', { flag: 'wx' });
        } catch {
          throw new Error('it is read already');
        }
      }
      return vehicles.read(name, of);
    },
    parseRead: (name, body) => vehicles.parseRead(name, body)`)}
`;
  const problems = await problemsOf(code, await servers());
  expect(problems[KILL]).toMatch(/\d+ of \d+ reads are lost: nobody goes on with them/);
});
