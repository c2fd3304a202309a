import type { Log } from '../../../../src/observe/log.ts';

/** Keeps what is said, with its level. */
export class HeardLog implements Log {
  readonly lines: string[] = [];

  warn(line: string): void {
    this.lines.push(`warn ${line}`);
  }

  info(line: string): void {
    this.lines.push(`info ${line}`);
  }

  debug(): void {}
}
