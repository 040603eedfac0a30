/** docs/architecture.md says of each dependency why it is there, and of none that is gone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..', '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

const section = read('docs/architecture.md').split('## Dependencies, and why')[1]?.split(/^## /m)[0] ?? '';
const { dependencies, optionalDependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
  string,
  Record<string, string>
>;
const [runtime = '', rest = ''] = section.split('Optional:');
const [optional = '', development = ''] = rest.split('| for development');

/** Names in the first column of a table. */
const namesIn = (table: string) =>
  table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap((line) => [...(line.split('|')[1]?.matchAll(/`([^`]+)`/g) ?? [])].map(([, name]) => name))
    .sort();

test('each package that runs has its reason, and no other is named', () => {
  expect(namesIn(runtime)).toEqual(Object.keys(dependencies ?? {}).sort());
});

test('each optional package has its reason', () => {
  const names = Object.keys(optionalDependencies ?? {});
  expect(names.filter((name) => !optional.includes(`\`${name}\``))).toEqual([]);
});

test('each package of development has its reason, and no other is named', () => {
  expect(namesIn(development)).toEqual(Object.keys(devDependencies ?? {}).sort());
});

test('no package is marked as given up by those who made it', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { deprecated?: string }>;
  };
  expect(Object.entries(packages).filter(([, { deprecated }]) => deprecated !== undefined)).toEqual([]);
});
