/**
 * Nothing outside of a vendor's folder knows the vendor: no header, no field, no id, no import. An account's capabilities say
 * what it can do.
 */
import { sourceLines } from '../../support/source-lines';

const VENDORS =
  /x-amzn|\bsp-?api\b|amazon|marketplace|\basins?\b|openai|gps51|\bdeviceid\b|\bbmw|cardata|mybmw|\bvin\b/;
const ANY_CASE = new RegExp(VENDORS.source.replace('|\\bdeviceid\\b', ''), 'i');

const EXCEPTIONS: readonly (readonly [why: string, path: RegExp])[] = [
  ['each vendor in its folder', /^vendors\/(?:amazon|openai|gps51|bmw(?:-cardata|-mybmw)?)\//],
  ['the list of the vendors that ship', /^vendors\/registry\.ts$/],
  ['the demos, which show one vendor each', /^client\/(?:cli|operations)\/demo\//],
  ['the commands that start a demo', /^client\/cli\/processes\/machine\.ts$/],
  ['variables of older set-ups, which stand for one dataset', /^settings\/(?:\w+\/)?environment\.ts$/],
];
/** Texts for people may have examples, and name the variables of older set-ups. */
const EXAMPLE = /such as |e\.g\. |for example |\(env ENABLE_|Default at |as OpenAI's Batch API takes them/;

const lines = sourceLines(({ path }) => !EXCEPTIONS.some(([, exempt]) => exempt.test(path)));

test('no vendor is known outside of its folder', () => {
  const found = lines.filter(
    ({ code }) => (VENDORS.test(code) || ANY_CASE.test(code)) && !EXAMPLE.test(code),
  );
  expect(found.map(({ where, code }) => `${where}: ${code}`)).toEqual([]);
});

test('the scan sees what it forbids', () => {
  const bad = [
    "const id = headers['x-amzn-requestid'];",
    'readonly marketplaceIds: readonly string[];',
    "if (account.vendor.id === 'openai') {",
    "import type { ReportDocument } from '../amazon/document';",
    'const key = row.deviceid;',
    'readonly vin: string;',
    "import { withoutVin } from '../bmw/vin';",
  ];
  for (const line of bad) expect(VENDORS.test(line) || ANY_CASE.test(line)).toBe(true);
  expect(VENDORS.test('readonly deviceId: string;')).toBe(false);
});
