/**
 * Programs of the project as tests run them, in processes of their own: the build, for it starts in a fraction of the
 * time that the sources take. global-setup.ts sees to it that it is that of the sources as they are.
 */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

export const ROOT = resolve(__dirname, '..', '..', '..');
/** The build; another one for work beside a `dist` that does not build. */
const DIST = process.env.SLUICE_TEST_DIST ?? join(ROOT, 'dist');

/** What node runs as `sluice`. */
export const SLUICE = join(DIST, 'client', 'launch.cjs');

/** What node runs: `program('workers', 'main')` is a worker. */
export function program(...path: readonly string[]): string {
  return `${join(DIST, ...path)}.js`;
}

/** What the build has made for all workers; workers within tests take it, too. */
export function workflowBundle(encrypting = false): { readonly codePath: string } {
  return { codePath: join(DIST, encrypting ? 'workflow-bundle-encrypting.js' : 'workflow-bundle.js') };
}

/** Builds what has changed; a tenth of a second as a rule. */
export async function ensureBuild(): Promise<void> {
  if (process.env.SLUICE_TEST_DIST) return;
  const child = spawn(
    process.execPath,
    ['-e', "import('./scripts/bootstrap.mjs').then((it) => it.main(it.ensureBuild))"],
    { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const code = await new Promise((done) => child.once('close', done));
  if (code !== 0) throw new Error(`the build failed:\n${said}`);
}
