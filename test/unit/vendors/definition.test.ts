import { z } from 'zod';
import { commonAccountFields } from '../../../vendors/account-fields';
import { defineVendor } from '../../../vendors/define';
import { VendorError } from '../../../vendors/definition/problems';

type Draft = Record<string, unknown> & { rules: Record<string, unknown> };

/** A whole vendor, new each time, as plain JavaScript would give it. */
function draft() {
  const limit: Record<string, unknown> = {
    ...{ name: 'daily', operations: ['read'], scope: '{account}/{vin}', unit: 'calls' },
    ...{ mode: 'enforce', source: 'its manual' },
    window: { kind: 'calendar', count: 50, per: 'day', zone: 'UTC' },
  };
  const rules: Record<string, unknown> = {
    ...{ id: 'carline', title: 'Carline', operations: ['list', 'read'], poolScope: '{account}' },
    attributes: { vin: { of: ['read'], about: 'the vehicle' } },
    limits: [limit],
    pool: {
      ...{ unknownQuotaMs: 1, unknownQuotaFactor: 2, unknownQuotaMaxMs: 1, absurdWaitMs: 1 },
      ...{ breakerFailures: 5, breakerOpenMs: 1, probeTimeoutMs: 1, hintAfterStrikes: 1, hint: '' },
    },
    retry: { rate: { baseMs: 1, maxMs: 1, attempts: 1 }, server: { baseMs: 1, maxMs: 1, attempts: 1 } },
    classify: () => null,
    learn: () => [],
  };
  const account: unknown = z.strictObject({ vendor: z.literal('carline'), ...commonAccountFields });
  const definition: Draft = { rules, account, parts: () => ({}) };
  return { definition, rules, limit };
}

function problemsOf(definition: Draft): readonly string[] {
  try {
    defineVendor(definition as unknown as Parameters<typeof defineVendor>[0]);
    return [];
  } catch (error) {
    if (error instanceof VendorError) return error.problems;
    throw error;
  }
}

test('a whole vendor has no problem, and one that is made of it has none', () => {
  const { definition } = draft();
  const vendor = defineVendor(definition as unknown as Parameters<typeof defineVendor>[0]);
  const { rules, account, parts } = vendor;
  expect(() => defineVendor({ ...definition, rules, account, parts, id: vendor.id } as never)).not.toThrow();
});

test.each<[field: string, wrong: unknown, problem: RegExp]>([
  ['id', 'Car Line', /^rules\.id: must be lower-case letters.*, not "Car Line"$/],
  ['title', '', /^rules\.title: must be text, not ""$/],
  ['operations', [], /^rules\.operations: must be a list of names, at least one, not \[\]$/],
  ['operations', ['list', 'read', 'list'], /^rules\.operations: names list twice$/],
  ['unmetered', ['log-in'], /^rules\.unmetered: log-in is none of rules\.operations$/],
  ['attributes', { vin: { of: ['red'], about: 'x' } }, /^rules\.attributes\.vin\.of: red is none of/],
  ['attributes', { vin: 'a VIN' }, /^rules\.attributes\.vin: must be an object .*, not "a VIN"$/],
  [
    'poolScope',
    '{vin}',
    /^rules\.poolScope: must be a template of \{account\} or \{vendor\}, not "\{vin\}"$/,
  ],
  ['subject', 'color', /^rules\.subject: must be the name of one of rules\.attributes, not "color"$/],
  ['announcedWindows', [0], /^rules\.announcedWindows: must be a list of lengths/],
  ['pool', { unknownQuotaMs: -1 }, /^rules\.pool\.unknownQuotaMs: must be a number above 0, not -1$/],
  ['retry', {}, /^rules\.retry\.rate: must be an object of baseMs, maxMs, attempts, not nothing$/],
  ['classify', 'ok', /^rules\.classify: must be a function, not "ok"$/],
  ['lern', () => [], /^rules\.lern: is no field; there are id, title/],
])('wrong rules: %s %p', (field, wrong, problem) => {
  const { definition, rules } = draft();
  rules[field] = wrong;
  expect(problemsOf(definition)).toContainEqual(expect.stringMatching(problem));
});

const window = (fields: object) => ({ kind: 'calendar', count: 50, per: 'day', zone: 'UTC', ...fields });
test.each<[field: string, wrong: unknown, problem: RegExp]>([
  ['operations', ['raed'], /\.operations: raed is none of rules\.operations$/],
  ['scope', '{account}/{vim}', /\.scope: names the attribute \{vim\}; there are vendor, account, .*, vin$/],
  ['scope', '{account', /\.scope: must be a template such as \{account\}, not "\{account"$/],
  [
    'operations',
    '*',
    /\.scope: names \{vin\}, which calls of list do not have \(rules\.attributes\.vin\.of\)$/,
  ],
  ['match', { color: ['red'] }, /\.match\.color: is none of rules\.attributes$/],
  ['unit', 'call', /\.unit: must be calls or tokens, not "call"$/],
  ['mode', 'on', /\.mode: must be enforce or shadow, not "on"$/],
  ['source', ' ', /\.source: must be text that says where the number comes from, not " "$/],
  ['reserve', { background: 20 }, /\.reserve\.background: must be a share from 0 to below 1, not 20$/],
  ['slackMs', '1s', /\.slackMs: must be a number of milliseconds, at least 0, not "1s"$/],
  ['window', window({ kind: 'sliding' }), /\.window\.kind: must be one of token-bucket, .*, not "sliding"$/],
  ['window', window({ count: 0.5 }), /\.window\.count: must be a number, at least 1, not 0\.5$/],
  ['window', window({ zone: 'Mars' }), /\.window\.zone: must be an IANA time zone such as UTC, not "Mars"$/],
  ['window', window({ ms: 5 }), /\.window\.ms: is no field; there are kind, count, per, zone$/],
])('a wrong limit: %s %p', (field, wrong, problem) => {
  const { definition, limit } = draft();
  limit[field] = wrong;
  expect(problemsOf(definition)).toEqual([expect.stringMatching(problem)]);
});

test.each<[field: string, wrong: unknown, problem: RegExp]>([
  ['parts', {}, /^parts: must be a function of an account, not an object$/],
  ['simulater', () => null, /^simulater: is no field; there are rules, account/],
  ['simulator', {}, /^simulator: must be a function that loads the simulator, not an object$/],
  ['example', { settings: {} }, /^example\.secrets: must be an object of variables and texts, not nothing$/],
  ['datasets', ['a b'], /^datasets: must be names of letters, digits and dashes, not "a b"$/],
  [
    'environment',
    [{ name: 'X', as: 'text', sets: ['url'] }],
    /^environment\[0\]\.sets: url is no key of account/,
  ],
  [
    'account',
    z.object({ vendor: z.literal('carline'), ...commonAccountFields }),
    /^account: must be a z\.strictObject/,
  ],
  [
    'account',
    z.strictObject({ vendor: z.literal('x'), ...commonAccountFields }),
    /must be z\.literal\("carline"\)/,
  ],
  [
    'account',
    z.strictObject({ vendor: z.literal('carline') }),
    /^account: spread commonAccountFields into it/,
  ],
])('a wrong definition: %s', (field, wrong, problem) => {
  const { definition } = draft();
  definition[field] = wrong;
  expect(problemsOf(definition)).toEqual([expect.stringMatching(problem)]);
});

test('a limit that names twice, or is none, is named by its place', () => {
  const { definition, rules, limit } = draft();
  rules.limits = [limit, limit, 'daily'];
  expect(problemsOf(definition)).toEqual([
    'rules.limits[1].name: daily is there twice',
    'rules.limits[2]: must be an object, not "daily"',
  ]);
});
