/** A working directory whose name is no UTF-8. */

import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Installation } from './host.ts';

/** "caf\u00e9" in ISO 8859-1. */
const NAME = Buffer.from('caf\u00e9', 'latin1');

export interface OddFolder {
  /** Runs a host program there. */
  readonly prefix: readonly string[];
  /** The path's bytes. */
  readonly hex: string;
}

export function oddFolder(installation: Installation): OddFolder {
  const parent = mkdtempSync(join(installation.folder, 'odd-'));
  chmodSync(parent, 0o755);
  const path = Buffer.concat([Buffer.from(`${parent}/`), NAME]);
  mkdirSync(path);
  return {
    prefix: ['sh', '-c', `cd ${parent}/* && export PWD && exec "$@"`, 'sh'],
    hex: path.toString('hex'),
  };
}
