/** A folder of files that is gone when the test is over. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export class Scratch {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'kns-access-'));
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }));
  }

  /** @returns its path */
  write(name: string, content: string, mode = 0o600): string {
    const file = join(this.path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content, { mode });
    return file;
  }
}
