/** Where the package is installed: what was prebuilt, and the sources of the native parts, lie in it. */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function isPackageRoot(directory: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    return (
      typeof manifest === 'object' &&
      manifest !== null &&
      'name' in manifest &&
      manifest.name === 'kns-rootless'
    );
  } catch {
    return false;
  }
}

/** Up from this file: from the sources as well as from a bundle in dist/. */
export function packageRoot(): string {
  const start = import.meta.dirname;
  let directory = start;
  while (!isPackageRoot(directory)) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`no package.json of kns-rootless above ${start}`);
    directory = parent;
  }
  return directory;
}
