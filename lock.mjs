/**
 * Completes package-lock.json: `npm run lock`, after a change of package.json.
 *
 * npm leaves out packages of other platforms that the registry which it asks has
 * not, as a mirror may; `npm ci` then refuses the file anywhere. Who wants such a
 * package names its version, and its name the platform. Its checksum is not
 * known: who installs it has the registry's.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const file = join(import.meta.dirname, 'package-lock.json');

/** `@oxlint/binding-linux-x64-musl`: system, processor, C library. */
const PLATFORM =
  /[/-](?<os>android|darwin|freebsd|linux|openharmony|win32)-(?<cpu>[a-z]+\d*x?)(?:-(?<abi>\w+))?$/;

const LIBC = { gnu: 'glibc', musl: 'musl' };

function entryOf(name, version) {
  const platform = PLATFORM.exec(name)?.groups;
  if (platform === undefined) throw new Error(`${name} is not in package-lock.json, and names no platform`);
  const { os, cpu, abi } = platform;
  const libc = os === 'linux' ? LIBC[abi] : undefined;
  return { version, cpu: [cpu], dev: true, ...(libc && { libc: [libc] }), optional: true, os: [os] };
}

const lock = JSON.parse(readFileSync(file, 'utf8'));
const { packages } = lock;
for (const { optionalDependencies = {} } of Object.values(packages))
  for (const [name, version] of Object.entries(optionalDependencies))
    packages[`node_modules/${name}`] ??= entryOf(name, version);

// In npm's order.
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
