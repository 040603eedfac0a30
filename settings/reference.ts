/**
 * Every key of `sluice.yaml` and every environment variable, as Markdown tables made from the schemas themselves:
 * `sluice settings reference` prints them, docs/configuration.md holds them, and a test compares the two.
 */
import { z } from 'zod';
import { type LimitTemplate, type LimitWindow, usableShare } from '../quota/limits/limit';
import { commonAccountFields } from '../vendors/account-fields';
import { builtInVendors } from '../vendors/registry';
import { ENVIRONMENT } from './environment';
import { generalShape } from './schema';
import { datasetSchema } from './schema/dataset';

interface Key {
  readonly path: string;
  readonly schema: z.ZodType;
  readonly effect: string;
}

/** The tables, each under a heading of the third level. */
export function settingsReference(): string {
  const { datasets: _, $schema: __, ...general } = generalShape;
  const sections: [string, string][] = [
    ['General', keyTable(keysOf(z.strictObject(general), ''))],
    ['Every account: `accounts.<name>`', keyTable(keysOf(z.strictObject(commonAccountFields), ''))],
  ];
  for (const vendor of builtInVendors()) {
    const own = Object.entries(vendor.account.shape).filter(([name]) => !(name in commonAccountFields));
    const shape = Object.fromEntries(own) as z.ZodRawShape;
    sections.push([`Accounts of ${vendor.id}`, keyTable(keysOf(z.strictObject(shape), ''))]);
    sections.push([
      `Limits of ${vendor.id}: \`accounts.<name>.limits.<limit>\``,
      limitTable(vendor.rules.limits),
    ]);
  }
  sections.push(['Datasets: `datasets[]`', keyTable(keysOf(datasetSchema, ''))]);
  sections.push(['Environment', environmentTable()]);
  return sections.map(([title, table]) => `### ${title}\n\n${table}\n`).join('\n');
}

/** Leaves of a schema, in its order; a map's keys stand as `<name>`. A leaf without words has its parent's. */
function keysOf(schema: z.ZodType, path: string, parents = ''): Key[] {
  const inner = unwrapped(schema);
  const effect = descriptionOf(schema) || parents;
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([name, field]) =>
      keysOf(field as z.ZodType, path === '' ? name : `${path}.${name}`, path === '' ? '' : effect),
    );
  }
  if (inner instanceof z.ZodRecord) {
    const name = path === 'limits' ? '<limit>' : '<name>';
    return keysOf((inner.valueType as z.ZodType).optional(), `${path}.${name}`, effect);
  }
  return [{ path, schema, effect }];
}

/** Without what makes it optional or gives it a default. */
function unwrapped(schema: z.ZodType): z.ZodType {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable
  ) {
    return unwrapped(schema.def.innerType as z.ZodType);
  }
  return schema;
}

function descriptionOf(schema: z.ZodType): string {
  const inner = unwrapped(schema);
  if (schema.description !== undefined || inner === schema) return schema.description ?? '';
  return inner.description ?? '';
}

/** Values that are wrong for one reason or another: their error messages say what would be right. */
const WRONG: readonly unknown[] = [Symbol('wrong'), Number.MAX_SAFE_INTEGER, -1];

/** What a key takes, in the words of its errors. */
function takes(schema: z.ZodType): string {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodLiteral) return `\`${String([...inner.values][0])}\``;
  if (inner instanceof z.ZodArray) return `a list: ${takes(inner.element as z.ZodType)}`;
  const messages = WRONG.flatMap((value) => {
    const parsed = inner.safeParse(value);
    return parsed.success ? [] : parsed.error.issues.slice(0, 1).map(({ message }) => message);
  });
  return (
    [...new Set(messages)]
      .map((message) => message.replace(/^must be /, '').replace(/^must /, ''))
      // That a secret must not stand there itself is said once for all; a value without a message of its own is text.
      .map((message) => message.replace(/; the secret itself.*/, '').replace(/^Invalid input.*/, 'text'))
      .filter((message, i, all) => all.indexOf(message) === i)
      .join('; ')
  );
}

function defaultOf(schema: z.ZodType): string {
  const parsed = schema.safeParse(undefined);
  if (!parsed.success) return 'required';
  if (parsed.data === undefined) return '';
  return `\`${typeof parsed.data === 'string' ? parsed.data : JSON.stringify(parsed.data)}\``;
}

function keyTable(keys: readonly Key[]): string {
  return markdown(
    ['key', 'default', 'takes', 'effect'],
    keys.map(({ path, schema, effect }) => [`\`${path}\``, defaultOf(schema), takes(schema), effect]),
  );
}

function limitTable(limits: readonly LimitTemplate[]): string {
  return markdown(
    ['limit', 'what it holds', 'scope', 'pauses background at', 'source'],
    limits.map((limit) => [
      `\`${limit.name}\``,
      `${windowText(limit.window, limit.unit)}${limit.mode === 'shadow' ? ' (only watched)' : ''}`,
      `\`${limit.scope}\``,
      limit.reserve?.background === undefined
        ? ''
        : `${Math.round(100 * usableShare(limit, 'background'))} %`,
      limit.source,
    ]),
  );
}

function windowText(window: LimitWindow, unit: LimitTemplate['unit']): string {
  const rounded = (n: number) => String(Number(n.toPrecision(4)));
  switch (window.kind) {
    case 'token-bucket':
      return `token bucket: ${rounded(window.ratePerSecond)} ${unit} a second, ${window.burst} at once`;
    case 'spacing':
      return `spacing: ${window.ms} ms between starts`;
    case 'rolling':
      return `rolling: ${window.count} ${unit} in any ${window.ms} ms`;
    case 'calendar':
      return `calendar: ${window.count} ${unit} a ${window.per}, ${window.zone}`;
    case 'vendor-reset':
      return `until the vendor resets it: ${window.count} ${unit}`;
  }
}

/** Settings with an account of each vendor and a dataset of each kind, to see which keys a variable sets. */
const SAMPLE = {
  accounts: Object.fromEntries(builtInVendors().map(({ id: vendor }) => [vendor, { vendor }])),
  datasets: Object.fromEntries(
    builtInVendors().flatMap(({ id, datasets }) =>
      datasets.map((name) => [`${id}/${name}`, { dataset: `${id}/${name}` }]),
    ),
  ),
};

function environmentTable(): string {
  return markdown(
    ['variable', 'sets', 'takes'],
    ENVIRONMENT.map(({ name, sets, as, schema }) => {
      const paths = sets(SAMPLE).map((path) => path.map(String));
      return [`\`${name}\``, setText(paths), schema ? takes(schema) : WORDS[as]];
    }),
  );
}

const WORDS = {
  text: 'as the key',
  number: 'a number',
  seconds: 'a number of seconds',
  flag: 'true or false',
  reference: 'the secret itself, which stays in the environment',
} as const;

function setText(paths: readonly (readonly string[])[]): string {
  const [first] = paths;
  if (first === undefined) return '';
  const [top, , ...rest] = first;
  if (top !== 'accounts' && top !== 'datasets') return `\`${first.join('.')}\``;
  const all = paths.length === Object.keys(SAMPLE[top]).length;
  const owners = paths.map((path) => path[1] ?? '').join(', ');
  return `\`${rest.join('.')}\` of ${all ? `every ${top.slice(0, -1)}` : `the ${top} of ${owners}`}`;
}

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
