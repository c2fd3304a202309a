/** Where Node starts: checks that it is new enough before anything newer than that is loaded. */

import { join } from 'node:path';
import { loadProgram } from './code-cache.ts';
import { EXIT_FAILED } from './exit-codes.ts';

/** The bundle of `main.ts`; build.mjs names it by its content. */
declare const PROGRAM_FILE: string;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `kns-rootless: Node ${process.versions.node} is too old [NODE_TOO_OLD]: use Node 20.19 or later\n`,
  );
  process.exit(EXIT_FAILED);
}
const { program, keepCode } = loadProgram<typeof import('./main.ts')>(
  join(import.meta.dirname, PROGRAM_FILE),
  process.env,
);
void program.main(process.argv.slice(2), keepCode).then((code) => process.exit(code));
