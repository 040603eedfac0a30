import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { brokenPlugins, parseSettings, SettingsError } from '../../../settings';
import { AccountLeftOut, findAccount } from '../../../settings/accounts/accounts';
import { loadVendors, pluginProblem } from '../../../settings/plugins';
import { accountParts, builtInVendors, findVendor } from '../../../vendors/registry';

const ROOT = resolve(__dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'sluice-plugins-'));
mkdirSync(join(folder, 'node_modules', 'carline'), { recursive: true });
symlinkSync(ROOT, join(folder, 'node_modules', 'sluice'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A vendor as a user would write it. */
const vendor = (id: string, more = '') => `{
  rules: {
    id: '${id}', title: 'Carline', operations: ['list'], attributes: {}, poolScope: '{account}',
    limits: [{ name: 'daily', operations: '*', scope: '{account}', unit: 'calls', mode: 'enforce', source: 'its manual',
      window: { kind: 'calendar', count: 50, per: 'day', zone: 'UTC' } }],
    pool: { unknownQuotaMs: 1, unknownQuotaFactor: 2, unknownQuotaMaxMs: 1, absurdWaitMs: 1, breakerFailures: 5,
      breakerOpenMs: 1, probeTimeoutMs: 1, hintAfterStrikes: 1, hint: '' },
    retry: { rate: { baseMs: 1, maxMs: 1, attempts: 1 }, server: { baseMs: 1, maxMs: 1, attempts: 1 } },
    classify: ({ vendor, account, operation }) => ({ kind: 'server', evidence: { vendor, account, operation } }),
    learn: () => [],
  },
  account: z.strictObject({ vendor: z.literal('${id}'), apiKey: secretRef, plan: z.enum(['small', 'large']).default('small'),
    ...commonAccountFields }),
  parts: (account) => ({ apiKey: account.apiKey, attributes: { plan: account.plan } }),
  ${more}
}`;
const REQUIRED = "const { defineVendor, z, secretRef, commonAccountFields } = require('sluice/vendor');\n";
const IMPORTED = "import { defineVendor, z, secretRef, commonAccountFields } from 'sluice/vendor';\n";

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const parse = (text: string) => parseSettings(text, { file: null, baseDir: folder, env: {} });
function problemsOf(text: string): readonly string[] {
  try {
    parse(text);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ where, what }) => `${where}: ${what}`);
    throw error;
  }
}

test('an account of a vendor from outside is checked by its own schema and has its parts', () => {
  write('line-one.cjs', `${REQUIRED}module.exports = defineVendor(${vendor('line-one')});`);
  const text = (more: string) =>
    `plugins: [./line-one.cjs]\naccounts: { cars: { vendor: line-one, apiKey: "env:KEY"${more} } }`;
  const { accounts, plugins } = parse(text(''));
  expect(plugins).toEqual(['./line-one.cjs']);
  expect(accounts.cars).toMatchObject({ plan: 'small', enabled: true });
  expect(accounts.cars && accountParts(accounts.cars)).toMatchObject({ attributes: { plan: 'small' } });
  // Again the same: one process reads its settings several times.
  expect(parse(text(', plan: large')).accounts.cars).toMatchObject({ plan: 'large' });
  expect(problemsOf(text(', plan: huge, plam: 1'))).toEqual([
    expect.stringContaining(
      'accounts.cars.plan: Invalid option: expected one of "small"|"large", not "huge"',
    ),
    'accounts.cars.plam: is not a setting; did you mean "plan"?',
  ]);
  expect(problemsOf(text(', limits: { daily: { ms: 1 } }'))).toEqual([
    expect.stringMatching(/^accounts\.cars\.limits\.daily\.ms: /),
  ]);
});

test('settings that do not name a plugin do not have its vendors, whatever the process has loaded', () => {
  write('line-two.cjs', `${REQUIRED}exports.lines = [defineVendor(${vendor('line-two')})];`);
  expect(problemsOf('plugins: [./line-two.cjs]')).toEqual([]);
  expect(findVendor('line-two')?.title).toBe('Carline');
  expect(problemsOf('accounts: { cars: { vendor: line-two, apiKey: "env:KEY" } }')).toEqual([
    expect.stringMatching(/^accounts\.cars\.vendor: must have a vendor, one of: \S/),
  ]);
});

test('a package is found from where the settings are', () => {
  write('node_modules/carline/package.json', '{ "name": "carline", "main": "index.js" }');
  write('node_modules/carline/index.js', `${REQUIRED}exports.default = defineVendor(${vendor('carline')});`);
  expect(problemsOf('plugins: [carline]\naccounts: { a: { vendor: carline, apiKey: "env:K" } }')).toEqual([]);
});

test('what cannot be loaded is named, each with its reason, and its accounts are no further problem', () => {
  const [taken] = builtInVendors();
  write('none.cjs', 'exports.x = { rules: {} };');
  write('throws.cjs', '\nthrow new Error("boom");');
  write(
    'variables.cjs',
    `${REQUIRED}module.exports = defineVendor(${vendor('variables', "environment: [{ name: 'X' }],")});`,
  );
  write('imports.cjs', 'require("not-installed");');
  write('broken.cjs', `${REQUIRED}module.exports = defineVendor({ rules: { id: 'Mine' }, account: 3 });`);
  write('taken.cjs', `${REQUIRED}module.exports = defineVendor(${vendor(taken?.id ?? '')});`);
  write('first.cjs', `${REQUIRED}module.exports = defineVendor(${vendor('same')});`);
  write('second.cjs', `${REQUIRED}module.exports = defineVendor(${vendor('same')});`);
  const names = ['none', 'throws', 'imports', 'broken', 'taken', 'first', 'second', 'variables'];
  const found = problemsOf(
    `plugins: [${names.map((name) => `./${name}.cjs`).join(', ')}, ./missing.cjs, not-there]\naccounts: { a: { vendor: mine } }\napi: { salesDataset: {} }`,
  );
  expect(found).toEqual([
    expect.stringMatching(/^api\.salesDataset\.dataset: /),
    expect.stringMatching(/^plugins\[0\]: "\.\/none\.cjs" .*export default defineVendor/),
    expect.stringMatching(/^plugins\[1\]: "\.\/throws\.cjs" cannot be loaded: Error: boom \(line 2\)$/),
    expect.stringMatching(/^plugins\[2\]: .* imports what is not there: .*not-installed/),
    expect.stringMatching(
      /^plugins\[3\]: .*rules\.id: must be lower-case .*rules\.limits: must be a list.*account: must/s,
    ),
    expect.stringMatching(/^plugins\[4\]: .*is taken by a vendor of Sluice/),
    expect.stringMatching(/^plugins\[6\]: .*"same" is taken by the one of .*first\.cjs/),
    expect.stringMatching(/^plugins\[7\]: .*environment\[0\]\.as: must be one of text, number/s),
    expect.stringMatching(/^plugins\[8\]: .*does not exist, seen from /),
    expect.stringMatching(/^plugins\[9\]: "not-there" is not installed, seen from /),
  ]);
  expect(problemsOf('plugins: ./one.cjs')).toEqual([
    expect.stringContaining('plugins: must be a list of modules'),
  ]);
});

test.each([
  ['promise', 'async () => ({})', 'must give its object at once, not a promise'],
  ['nothing', '() => null', 'must give an object, not null'],
  ['throws', "() => { throw new Error('no region'); }", 'parts: throws Error: no region'],
  [
    'misspelt',
    '(a) => ({ apiKey: a.apiKey, vehicels: {} })',
    'parts.vehicels: is no part; there are login, ',
  ],
  ['hollow', '(a) => ({ requests: { baseUrl: 3 } })', 'parts.requests.baseUrl: must be text, not 3'],
])('an account whose parts are wrong (%s) is named', (name, parts, what) => {
  const id = `parts-${name}`;
  write(`${id}.cjs`, `${REQUIRED}module.exports = defineVendor({ ...${vendor(id)}, parts: ${parts} });`);
  const text = `plugins: [./${id}.cjs]\naccounts: { cars: { vendor: ${id}, apiKey: "env:KEY" } }`;
  const [problem] = problemsOf(text);
  expect(problem).toContain(`accounts.cars: cannot be used, for its vendor ${id} is wrong: `);
  expect(problem).toContain(what);
});

test('TypeScript is said to be that, whatever Node makes of it', () => {
  write('typed.ts', 'const a: number = 1;\nmodule.exports = a;');
  expect(problemsOf('plugins: [./typed.ts]')[0]).toMatch(/^plugins\[0\]: "\.\/typed\.ts" is /);
});

test('the command line loads modules of the other kind, too, and its schema knows their accounts', () => {
  write('line-three.mjs', `${IMPORTED}export default defineVendor(${vendor('line-three')});`);
  write('waits.mjs', 'await 1;');
  write(
    'sluice.yaml',
    'plugins: [./line-three.mjs]\naccounts: { a: { vendor: line-three, apiKey: "env:K" } }',
  );
  write('bad.yaml', 'plugins: [./waits.mjs]');
  write('prints.mjs', `${IMPORTED}console.log('hello');\nexport default defineVendor(${vendor('prints')});`);
  write('json.yaml', 'plugins: [./prints.mjs]\naccounts: { a: { vendor: prints, apiKey: "env:K" } }');
  write('syntax.mjs', 'export default {\n  a: 1,\n  b c\n};');
  write('syntax.yaml', 'plugins: [./syntax.mjs]');
  write('ends.mjs', '\nprocess.exit(0);');
  write('ends.yaml', 'plugins: [./ends.mjs]');
  const sluice = (...args: string[]) =>
    execFileSync(process.execPath, [join(ROOT, 'bin', 'sluice.cjs'), ...args], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  expect(sluice('settings', 'check')).toContain('valid; 1 account');
  // What it prints is not the command's own output.
  const schema = JSON.parse(sluice('--settings', 'json.yaml', 'settings', 'schema'));
  expect(JSON.stringify(schema)).toContain('"prints"');
  expect(() => sluice('--settings', 'syntax.yaml', 'settings', 'check')).toThrow(
    /"\.\/syntax\.mjs" cannot be loaded: SyntaxError: .* \(line 3\)/,
  );
  expect(() => sluice('--settings', 'ends.yaml', 'settings', 'check')).toThrow(
    'calls process.exit(0) while it is loaded (line 2)',
  );
  expect(sluice('settings', 'schema')).toContain('"line-three"');
  expect(() => sluice('--settings', 'bad.yaml', 'settings', 'check')).toThrow(
    'must not await at its top level',
  );
});

test('a module that loops while it is loaded is stopped, and others are loaded', () => {
  write('endless.cjs', 'for (;;) {}');
  let problem = '';
  try {
    loadVendors('./endless.cjs', folder, { withinMs: 300 });
  } catch (error) {
    problem = pluginProblem(error, './endless.cjs', folder);
  }
  expect(problem).toContain('was stopped');
  write('after-it.cjs', `${REQUIRED}module.exports = defineVendor(${vendor('after-it')});`);
  expect(loadVendors('./after-it.cjs', folder)).toHaveLength(1);
});

test('a module that loops holds up one process and not the next one, until it has changed', () => {
  const log = join(folder, 'node_modules', 'begun');
  write('stuck.cjs', `require('node:fs').appendFileSync(${JSON.stringify(log)}, '.'); for (;;) {}`);
  // Jest keeps modules in a way of its own.
  const script = `
    const { writeFileSync } = require('node:fs');
    const { LoopingPlugins } = require('./dist/settings/looping-plugins');
    const { loadVendors, pluginProblem } = require('./dist/settings/plugins');
    const [folder, notes, changed] = process.argv.slice(1);
    const looping = new LoopingPlugins(notes);
    const load = (withinMs) => {
      try {
        return loadVendors('./stuck.cjs', folder, { withinMs, looping }).length;
      } catch (error) {
        return pluginProblem(error, './stuck.cjs', folder);
      }
    };
    const said = [load(1500), load(1500)];
    writeFileSync(folder + '/stuck.cjs', changed);
    console.log(JSON.stringify([...said, load(60_000)]));`;
  const changed = `${REQUIRED}module.exports = defineVendor(${vendor('stuck')});`;
  const args = ['-e', script, folder, join(folder, 'looping'), changed];
  const stopped = 'was stopped: it was loading for seconds and came to no end (a loop?)';
  const said = execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect(JSON.parse(said)).toEqual([stopped, stopped, 1]);
  expect(readFileSync(log, 'utf8')).toBe('.');
});

test('where a plugin cannot be loaded, all accounts of other vendors can go on', () => {
  write('breaks.cjs', 'throw new Error("no licence");');
  const text = `plugins: [./breaks.cjs]
accounts:
  cars: { vendor: broken-line, apiKey: "env:KEY" }
  texts: { vendor: openai, apiKey: "env:KEY" }
datasets: [{ dataset: broken-line/x, account: cars }]`;
  expect(problemsOf(text)).toEqual([expect.stringContaining('no licence')]);
  const settings = parseSettings(text, { file: null, baseDir: folder, env: {}, leaveOut: true });
  expect(Object.keys(settings.accounts)).toEqual(['texts']);
  expect(settings.datasets).toEqual([]);
  expect(brokenPlugins(settings)).toEqual([
    expect.stringMatching(/^plugins\[0\]: "\.\/breaks\.cjs" cannot be loaded: .*no licence.*accounts\.cars$/),
  ]);
  // Its work is tried again, unlike that of an account that nobody knows.
  expect(() => findAccount(settings, 'cars')).toThrow(AccountLeftOut);
  expect(() => findAccount(settings, 'nobody')).toThrow(RangeError);
  // What else is wrong is as wrong as ever.
  const wrong = text.replace('vendor: openai', 'vendor: openai, regoin: eu');
  expect(() => parseSettings(wrong, { file: null, baseDir: folder, env: {}, leaveOut: true })).toThrow(
    /regoin/,
  );
});
