/** What a machine, a container or this system is given, in one folder: the released program, Node, the smoke suite. */

import { chmodSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '../../..');

/** CommonJS dependencies in a bundle of modules ask for `require`. */
const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

export async function writePayload(folder: string, node: string): Promise<void> {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  chmodSync(folder, 0o755);
  for (const part of ['dist', 'prebuilt', 'package.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  cpSync(node, join(folder, 'bin/node'));
  await build({
    entryPoints: [join(import.meta.dirname, '../smoke/main.ts')],
    outfile: join(folder, 'smoke.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: REQUIRE },
    logLevel: 'warning',
  });
}
