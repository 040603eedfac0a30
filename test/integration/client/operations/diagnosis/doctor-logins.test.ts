/** `doctor` tries logins as any worker does: by a permit, with the same token, and a refusal is reported with the vendor's message. */
import { tryLogins } from '../../../../../client/operations/diagnosis/doctor-logins';
import { parseSettings } from '../../../../../settings';
import { createPool } from '../../../../../store/db';
import { generateKey, KeyRing } from '../../../../../store/secrets/keyring';
import { startAmazonSimulator } from '../../../../../vendors/amazon/simulator';
import { testDatabase } from '../../../../support/stacks/embedded';

test('an accepted login, a refused one, and a vendor that is not there are distinguished', async () => {
  const [database, simulator] = await Promise.all([testDatabase(), startAmazonSimulator()]);
  const db = createPool(database.url);
  Object.assign(process.env, { DOCTOR_ID: 'id', DOCTOR_SECRET: 'secret', DOCTOR_GOOD: 'doctor' });
  const account = (token: string, tokenUrl: string) =>
    `{vendor: amazon, baseUrl: "${simulator.url}", tokenUrl: "${tokenUrl}", marketplaces: [A1PA6795UKMFR9], currency: EUR, credentials: {clientId: "env:DOCTOR_ID", clientSecret: "env:DOCTOR_SECRET", refreshToken: "${token}"}}`;
  const text = [
    'accounts:',
    `  good: ${account('env:DOCTOR_GOOD', simulator.tokenUrl)}`,
    `  away: ${account('env:DOCTOR_GOOD', 'http://127.0.0.1:9/token')}`,
    `  unset: ${account('env:DOCTOR_NOTHING', simulator.tokenUrl)}`,
  ].join('\n');
  try {
    const settings = parseSettings(text, { file: null, baseDir: '/', env: {} });
    const keys = KeyRing.parse(generateKey());
    expect(await tryLogins(db, settings, keys)).toEqual([
      { account: 'good', problem: null },
      { account: 'away', problem: expect.stringMatching(/ECONNREFUSED|refused/i) },
      { account: 'unset', problem: expect.stringContaining('DOCTOR_NOTHING is not set') },
    ]);
  } finally {
    await db.end();
    await simulator.close();
    await database.drop();
  }
});
