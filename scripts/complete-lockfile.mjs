/**
 * Adds to package-lock.json the optional packages of other platforms that npm leaves out when the registry at
 * hand does not serve them. Without those entries `npm ci` refuses the file everywhere, and an installation on
 * one of the other platforms lacks its binaries. Run it after `npm install`; `--check` only reports.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BootstrapError, main, ROOT } from './bootstrap.mjs';

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

/** True when `name` can be resolved from the package at `path`, going outwards like Node does. */
function isPresent(packages, path, name) {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === '' || !folder.includes('/node_modules/')) {
      return packages[`node_modules/${name}`] !== undefined;
    }
  }
}

/** Lock entries by path for every optional package that the lock names and does not hold. */
export function missingEntries(lock) {
  const missing = {};
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isPresent(lock.packages, path, name)) continue;
      const words = name.split(/[/-]/);
      const os = SYSTEMS.filter((system) => words.includes(system));
      const cpu = PROCESSORS.filter((processor) => words.includes(processor));
      if (os.length !== 1 || cpu.length !== 1 || !/^\d/.test(version)) {
        throw new BootstrapError(`package-lock.json lacks ${name}@${version}, and its platform is unknown.`);
      }
      missing[`node_modules/${name}`] = {
        version,
        cpu,
        ...(entry.dev === true ? { dev: true } : {}),
        ...(os[0] === 'linux' && /musl|gnu/.test(name)
          ? { libc: [/musl/.test(name) ? 'musl' : 'glibc'] }
          : {}),
        optional: true,
        os,
      };
    }
  }
  return missing;
}

await main(async () => {
  const file = join(ROOT, 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const missing = missingEntries(lock);
  const names = Object.keys(missing);
  const bare = Object.entries({ ...lock.packages, ...missing })
    .filter(([path, entry]) => path !== '' && entry.link !== true && entry.integrity === undefined)
    .map(([path]) => path);
  if (bare.length > 0) {
    throw new BootstrapError(
      `package-lock.json has no integrity for ${bare.length} packages, e.g. ${bare[0]}: what is installed could be ` +
        'anything. Take them out of the file and run: npm install --package-lock-only',
    );
  }
  if (names.length === 0) return;
  if (process.argv.includes('--check')) {
    throw new BootstrapError(
      `package-lock.json lacks ${names.length} packages of other platforms, e.g. ${names[0]}: ` +
        `"npm ci" would refuse it. Run: node scripts/complete-lockfile.mjs`,
    );
  }
  const all = Object.entries({ ...lock.packages, ...missing });
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(`Added ${names.length} packages of other platforms to package-lock.json.\n`);
});
