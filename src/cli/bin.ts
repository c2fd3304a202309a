/** Where Node starts: checks that it is new enough before anything newer than that is loaded. */

import process from 'node:process';
import { EXIT_FAILED } from './exit-codes.ts';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `kns-rootless: Node ${process.versions.node} is too old [NODE_TOO_OLD]: use Node 20.19 or later\n`,
  );
  process.exit(EXIT_FAILED);
}
const { main } = await import('./main.ts');
process.exit(await main(process.argv.slice(2)));
