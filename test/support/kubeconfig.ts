/** Copies of the suites' kubeconfig with something changed, where the ordinary user can read them. */

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { fromSetup } from './program.ts';

export interface Kubeconfig {
  clusters: { name: string; cluster: Record<string, unknown> }[];
  users: { name: string; user: Record<string, unknown> }[];
  contexts: { name: string; context: { cluster: string; user: string; namespace?: string } }[];
  'current-context': string;
}

export class Kubeconfigs {
  readonly folder: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'kns-kubeconfigs-'));
    chmodSync(this.folder, 0o755);
  }

  /** @returns the path of the copy */
  write(name: string, change: (config: Kubeconfig) => void): string {
    const config: Kubeconfig = parse(readFileSync(fromSetup('KNS_TEST_KUBECONFIG'), 'utf8'));
    change(config);
    return this.put(name, stringify(config));
  }

  /** One of another cluster. @returns its path */
  put(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
