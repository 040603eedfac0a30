/** The vendor of examples/acme-cars with one fault, as a folder of its own that the command line is given. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT, SLUICE } from '../processes/program';

/**
 * @param code of a module that knows `whole` (the definition's parts: `rules`, `parts`, `simulator`) and exports the vendor.
 * @returns the folder, whose `variant.mjs` is the vendor.
 */
async function acmeVariant(code: string): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-variant-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules', 'sluice'));
  await cp(join(ROOT, 'examples', 'acme-cars'), folder, { recursive: true });
  await writeFile(
    join(folder, 'variant.mjs'),
    `import { defineVendor } from 'sluice/vendor';
import whole from './vendor.mjs';
const { account, example, simulator } = whole;
const definition = { rules: whole.rules, account, example, simulator, parts: (settings) => whole.parts(settings) };
${code}
export default defineVendor(definition);
`,
  );
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

interface Report {
  readonly checks: readonly { readonly name: string; readonly result: string; readonly problems: string[] }[];
}

/** Problems that `sluice vendor test` finds, by the check's name. */
export async function problemsOf(code: string, options: readonly string[]): Promise<Record<string, string>> {
  const { folder, remove } = await acmeVariant(code);
  try {
    const args = [SLUICE, 'vendor', 'test', './variant.mjs', '--json', '--answers', '3', ...options];
    const ended = await promisify(execFile)(process.execPath, args, { cwd: folder }).then(
      ({ stdout }) => ({ stdout, code: 0 }),
      (error: { stdout: string; code: number }) => error,
    );
    expect(ended.code).toBe(1);
    const [report]: Report[] = JSON.parse(ended.stdout);
    const failed = report?.checks.filter(({ result }) => result === 'fail') ?? [];
    return Object.fromEntries(failed.map(({ name, problems }) => [name, problems.join('\n')]));
  } finally {
    await remove();
  }
}

/** The vendor's own calls with one thing different. */
export const vehicles = (change: string) => `
definition.parts = (settings) => {
  const parts = whole.parts(settings);
  const { vehicles } = parts;
  return { ...parts, vehicles: { ...vehicles, ${change} } };
};`;
