/**
 * Checks whether this machine can run Sluice; each failed check says what to do. Starts and creates nothing, and
 * prints no secret.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { z } from 'zod';
import { isPortFree } from '../../../embedded/ports';
import { findData } from '../../../embedded/postgres/cluster';
import { cacheDir, type StateDir } from '../../../embedded/state-dir';
import { TEMPORAL_VERSION } from '../../../embedded/temporal/binary';
import {
  type AccountSettings,
  brokenPlugins,
  resolveSecret,
  type SecretRef,
  settingsWarnings,
} from '../../../settings';
import { readServer } from '../../../store/connections/server';
import { createPool } from '../../../store/db';
import { appliedMigrations, beforeFirstRelease, readMigrations } from '../../../store/migrate';
import { clockTrouble } from '../../../store/rows-mended';
import { type AppliedSchema, appliedSchema, readSchema, type SchemaTexts } from '../../../store/schema';
import { Vault } from '../../../store/secrets/vault';
import { SECRET_REF_PATTERN } from '../../../vendors/account-fields';
import { accountParts } from '../../../vendors/registry';
import type { Backend } from '../backend/backend';
import { databaseUrl, liveInstance, loadVaultKeys } from '../backend/context';
import { workerPolls } from '../datasets/work';
import { messageOf, OperationError } from '../errors';
import { hint } from '../hints';
import { operation } from '../operation';
import { keysInUse, missingText, sortKeys, unreadableText, useText } from '../secrets/keys-in-use';
import { otherGenerations } from '../settings/publish';
import { lengthText } from '../time-text';
import { tryLogins } from './doctor-logins';
import { ailingWorkers, failingWorkflows, strandedBatches, troubleText, waitingTasks } from './troubles';

export interface Check {
  readonly name: string;
  readonly result: 'ok' | 'warn' | 'fail';
  readonly detail: string;
}

const ok = (name: string, detail: string): Check => ({ name, result: 'ok', detail });
const warn = (name: string, detail: string): Check => ({ name, result: 'warn', detail });
const fail = (name: string, detail: string): Check => ({ name, result: 'fail', detail });

/** As package.json and scripts/checkout.cjs say. */
const OLDEST_NODE = [20, 19] as const;

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return enough
    ? ok('Node', version)
    : fail('Node', `${version}; install ${OLDEST_NODE.join('.')} or later from https://nodejs.org`);
}

/** Also tries each account's login, by the gateway and its permits, as a worker would. */
export const examineMachine = operation({
  about: 'check this machine, the settings and what they name',
  input: z.strictObject({}),
  run: (backend): Promise<readonly Check[]> => examine(backend),
});

/** All checks, in the order in which one builds on the other. What does not build on another is checked at the same time. */
async function examine(backend: Backend): Promise<Check[]> {
  const database = checkDatabase(backend);
  const temporal = checkTemporal(backend);
  /** Nothing of what lies in a database that does not answer: its own check has reported that. */
  const withDatabase = async (check: () => Promise<Check[]>): Promise<Check[]> =>
    hasFailed(await database) ? [] : check();
  const checks = await Promise.all([
    [checkNode(process.versions.node), ...checkMachine(backend)],
    checkPorts(backend),
    checkVaultKey(backend).then((check) => [check]),
    database,
    withDatabase(() => checkGenerations(backend)),
    temporal,
    checkWorkers(backend),
    withDatabase(async () => (hasFailed(await temporal) ? [] : checkKeysInUse(backend))),
    [checkAccounts(backend)],
    database.then((found) => checkCredentials(backend, !hasFailed(found))),
    brokenPlugins(backend.settings).map((broken) => fail('Plugins', broken)),
    settingsWarnings(backend.settings).map((warning) => warn('Settings', warning)),
    database.then((found) => (hasFailed(found) ? untriedLogins(backend, NO_DATABASE) : checkLogins(backend))),
  ]);
  return checks.flat();
}

const hasFailed = (checks: readonly Check[]) => checks.some(({ result }) => result === 'fail');
const NO_DATABASE = 'the database does not answer';

function checkMachine({ settings, dir }: Backend): Check[] {
  const checks: Check[] = [];
  if (settings.temporal.address === null) checks.push(checkTemporalBinary());
  if (settings.database.url === null) checks.push(checkPostgresData(dir));
  return checks;
}

function checkTemporalBinary(): Check {
  const name = 'Temporal CLI';
  const given = process.env.SLUICE_TEMPORAL_BIN;
  if (given) {
    return existsSync(given)
      ? ok(name, given)
      : fail(name, `SLUICE_TEMPORAL_BIN names ${given}, which is not there; correct it or unset it`);
  }
  const onPath = (process.env.PATH ?? '').split(':').map((folder) => join(folder, 'temporal'));
  const cached = join(cacheDir(), 'temporal', TEMPORAL_VERSION, 'temporal');
  const found = [...onPath, cached].find((file) => existsSync(file));
  return found === undefined
    ? warn(name, 'none yet; the first start fetches or builds it, which takes minutes')
    : ok(name, found);
}

function checkPostgresData(dir: StateDir): Check {
  const data = findData(dir.pg);
  if (data === null) return ok('Postgres data', 'none yet; the first start makes it');
  try {
    return ok('Postgres data', `version ${readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()} in ${data}`);
  } catch {
    return fail('Postgres data', `${data} is damaged: PG_VERSION cannot be read; move it away or restore it`);
  }
}

async function checkPorts({ settings, dir }: Backend): Promise<Check[]> {
  if (settings.temporal.address !== null || liveInstance(dir)?.temporal) return [];
  const taken: number[] = [];
  for (const port of [7233, 8233]) if (!(await isPortFree(port))) taken.push(port);
  return [
    taken.length === 0
      ? ok('Ports', '7233 and 8233 are free')
      : warn('Ports', `${taken.join(' and ')} in use by others; other ones will be taken, and printed`),
  ];
}

async function checkVaultKey(backend: Backend): Promise<Check> {
  const { settings } = backend;
  if (settings.vault.key === null) {
    return settings.database.url === null
      ? ok('Vault key', 'none yet; the first start of the servers makes one in the state folder')
      : fail('Vault key', 'none; set SLUICE_VAULT_KEY (openssl rand -base64 32) or vault.keyFile');
  }
  try {
    return ok('Vault key', `id ${(await loadVaultKeys(backend)).currentId}`);
  } catch (error) {
    return fail('Vault key', messageOf(error));
  }
}

/** Beyond the first, waits are noticeably off; beyond the second, vendors' times and ours do not fit together. */
const CLOCK_WARN_MS = 1_000;
const CLOCK_FAIL_MS = 60_000;

async function checkDatabase(backend: Backend): Promise<Check[]> {
  try {
    databaseUrl(backend);
  } catch (error) {
    return [warn('Database', messageOf(error))];
  }
  try {
    return await backend.database(async (db) => {
      // The first answer also makes the connection.
      await readServer(db);
      const before = Date.now();
      const { now, version } = await readServer(db);
      const after = Date.now();
      return [
        ok('Database', `Postgres ${version} answers`),
        clockCheck(now - (before + after) / 2),
        await checkMigrations(db),
        ...(await checkClockSteps(db)),
      ];
    });
  } catch (error) {
    return [fail('Database', messageOf(error))];
  }
}

/** Nothing about a database that cannot be reached or has no tables: the check before has reported that. */
async function checkGenerations(backend: Backend): Promise<Check[]> {
  const others = await otherGenerations(backend).catch(() => []);
  return others.map(({ pool, publishedBy, publishedAt }) =>
    warn(
      'Settings',
      `${pool}: others stand, published by ${publishedBy} at ${new Date(publishedAt).toISOString()}; these change nothing of pool, organization and limits. If these are the right ones: ${hint('settings publish')}`,
    ),
  );
}

export function clockCheck(apartMs: number): Check {
  const apart = Math.abs(apartMs);
  const detail = `${lengthText(apart)} ${apartMs < 0 ? 'behind' : 'ahead of'} this machine`;
  if (apart < CLOCK_WARN_MS) return ok('Clock', `the database's is ${detail}`);
  const say = apart < CLOCK_FAIL_MS ? warn : fail;
  return say('Clock', `the database's is ${detail}; set both by NTP`);
}

/** What has been put back already still has a cause. Nothing of a database without tables. */
async function checkClockSteps(db: Pool): Promise<Check[]> {
  const seen = await clockTrouble(db).catch(() => null);
  if (seen === null) return [];
  const { times, lastAt } = seen;
  return [
    warn(
      'Clock',
      `the database's was set or went back ${times === 1 ? 'once' : `${times} times`} within a day, last seen ${new Date(lastAt).toISOString()}; what is waited for was put right. Let NTP slew it, not step`,
    ),
  ];
}

async function checkMigrations(db: Pool): Promise<Check> {
  const applied = await appliedMigrations(db);
  if (applied === null)
    return warn('Tables', `none yet; the first worker makes them (${hint('start worker')})`);
  const tooOld = beforeFirstRelease(applied);
  if (tooOld !== null) return fail('Tables', tooOld.message);
  const wanted = await readMigrations();
  const changed = wanted.filter((m) => applied.has(m.name) && applied.get(m.name) !== m.sha256);
  if (changed.length > 0) {
    const names = changed.map((m) => m.name).join(', ');
    return fail('Tables', `${names}: the file was changed after it had been applied; put the old text back`);
  }
  const missing = wanted.filter((m) => !applied.has(m.name));
  if (missing.length > 0) {
    return warn('Tables', `${missing.length} migrations are not applied yet; the next worker does it`);
  }
  return checkSchema(await appliedSchema(db), await readSchema());
}

function checkSchema(applied: AppliedSchema | null, ours: SchemaTexts): Check {
  if (applied !== null && applied.version > ours.version) {
    return warn(
      'Tables',
      `functions and views are of version ${applied.version}, newer than this program's ${ours.version}`,
    );
  }
  return applied?.digest === ours.digest
    ? ok('Tables', `migrations applied, functions and views of version ${ours.version}`)
    : warn('Tables', 'functions and views are not those of this version yet; the next worker applies them');
}

async function checkTemporal(backend: Backend): Promise<Check[]> {
  const { settings } = backend;
  if (settings.temporal.address === null && !liveInstance(backend.dir)?.temporal) {
    return [warn('Temporal', `does not run; start it with: ${hint('start servers')}`)];
  }
  try {
    return await backend.temporal(async (client) => {
      const { namespace, taskQueue } = settings.temporal;
      await client.workflowService.describeNamespace({ namespace });
      const polled = await workerPolls(client, taskQueue);
      const stranded = backend.database((db) => strandedBatches(client, db)).catch(() => []);
      const troubles = await Promise.all([
        waitingTasks(client, settings),
        failingWorkflows(client, settings),
        stranded,
      ]);
      return [
        ok('Temporal', `namespace ${namespace} answers`),
        polled
          ? ok('Worker', `asks for work of task queue ${taskQueue}`)
          : warn(
              'Worker',
              `none asks for work of task queue ${taskQueue}; start one with: ${hint('start worker')}`,
            ),
        ...(troubles.flat().length === 0
          ? [ok('Work', 'nothing that is to run stands still without a reason')]
          : troubles.flat().map((trouble) => warn('Work', troubleText(trouble)))),
      ];
    });
  } catch (error) {
    return [fail('Temporal', messageOf(error))];
  }
}

/** Those of this machine are asked themselves. */
async function checkWorkers({ settings }: Backend): Promise<Check[]> {
  return (await ailingWorkers(settings)).map((trouble) => warn('Worker', troubleText(trouble)));
}

/** Every key that rows or open histories need must be at hand: without it, they cannot be read again. */
async function checkKeysInUse(backend: Backend): Promise<Check[]> {
  const name = 'Keys in use';
  try {
    const keys = await loadVaultKeys(backend);
    const uses = await backend.database((db) =>
      backend.temporal((client) => keysInUse(db, client, backend.dir.spool, keys)),
    );
    const { missing, older } = sortKeys(uses, keys);
    const problems = [missing.length > 0 ? missingText(missing) : '', unreadableText(uses)];
    const failed = problems.filter((text) => text !== '').map((text) => fail(name, text));
    if (failed.length > 0) return failed;
    const kept = older.map((use) => `${use.keyId} (${useText(use)})`).join('; ');
    return [ok(name, older.length === 0 ? 'the newest alone' : `besides the newest: ${kept}`)];
  } catch (error) {
    // What is away has been reported by its own check.
    return error instanceof OperationError ? [] : [warn(name, `cannot be checked: ${messageOf(error)}`)];
  }
}

function checkAccounts({ settings }: Backend): Check {
  const names = Object.keys(settings.accounts);
  return names.length === 0
    ? warn('Accounts', 'none; copy sluice.example.yaml to sluice.yaml and fill it in')
    : ok('Accounts', names.join(', '));
}

/** Every reference to a secret that an account's calls need. */
export function credentialsOf(
  account: AccountSettings,
): { readonly name: string; readonly ref: SecretRef }[] {
  const { login, grant, apiKey } = accountParts(account);
  const refs = { ...login?.credentials, ...grant?.credentials, ...(apiKey === undefined ? {} : { apiKey }) };
  return Object.entries(refs).flatMap(([name, ref]) =>
    SECRET_REF_PATTERN.test(String(ref)) ? [{ name, ref: ref as SecretRef }] : [],
  );
}

async function checkCredentials(backend: Backend, hasDatabase: boolean): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [name, account] of Object.entries(backend.settings.accounts)) {
    const problems: string[] = [];
    const warnings: string[] = [];
    for (const { name: field, ref } of credentialsOf(account)) {
      try {
        if (!hasDatabase && ref.startsWith('vault:')) throw new Error(`${ref}: ${NO_DATABASE}`);
        await resolveWith(backend, ref, (message) => warnings.push(message));
      } catch (error) {
        problems.push(`${field}: ${messageOf(error)}`);
      }
    }
    const check = `Credentials of ${name}`;
    if (problems.length > 0) checks.push(fail(check, problems.join('; ')));
    else if (warnings.length > 0) checks.push(warn(check, warnings.join('; ')));
    else checks.push(ok(check, 'all can be read'));
  }
  return checks;
}

async function resolveWith(
  backend: Backend,
  ref: SecretRef,
  onWarning: (message: string) => void,
): Promise<void> {
  if (!ref.startsWith('vault:')) {
    await resolveSecret(ref, { warn: onWarning });
    return;
  }
  const db = createPool(databaseUrl(backend), { max: 1, applicationName: 'sluice-doctor' });
  try {
    await resolveSecret(ref, { vault: new Vault(db, await loadVaultKeys(backend)), warn: onWarning });
  } finally {
    await db.end();
  }
}

function hasLogins({ settings }: Backend): boolean {
  return Object.values(settings.accounts).some(
    (account) => accountParts(account).login ?? accountParts(account).grant,
  );
}

function untriedLogins(backend: Backend, why: string): Check[] {
  return hasLogins(backend) ? [warn('Logins', `not tried: ${why}`)] : [];
}

/** Only where there is a database: no call leaves without a permit. */
async function checkLogins(backend: Backend): Promise<Check[]> {
  const { settings } = backend;
  if (!hasLogins(backend)) return [];
  const untried = (why: string) => untriedLogins(backend, why);
  let db: ReturnType<typeof createPool>;
  try {
    db = createPool(databaseUrl(backend), { max: 2, applicationName: 'sluice-doctor' });
  } catch {
    return untried(`there is no database, which grants the permit; start it with: ${hint('start servers')}`);
  }
  try {
    const checks = await tryLogins(db, settings, await loadVaultKeys(backend));
    return checks.map(({ account, problem }) =>
      problem === null ? ok(`Login of ${account}`, 'accepted') : fail(`Login of ${account}`, problem),
    );
  } catch (error) {
    return untried(messageOf(error));
  } finally {
    await db.end();
  }
}
