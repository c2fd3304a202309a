/**
 * What the user is told, on stderr: stdout belongs to the command alone.
 *
 * Without `-v` only what they must know; `-v` adds what happens (a Service
 * that can't be reached, a transport that fell back), `-vv` each connection.
 */

export interface Log {
  warn(line: string): void;
  info(line: string): void;
  debug(line: string): void;
  /** false: `debug` leads nowhere, and what it would say need not be worked out. */
  readonly hasDebug?: boolean | undefined;
}

export interface LogTarget {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

function silent(): void {}

/** @param verbosity how often `-v` was given */
export function createLog(verbosity: number, target: LogTarget = process.stderr): Log {
  // The command may have put the terminal into raw mode, where a line feed alone makes a staircase.
  const end = target.isTTY ? '\r\n' : '\n';
  const write = (line: string) => void target.write(`kns-rootless: ${line}${end}`);
  return {
    warn: write,
    info: verbosity >= 1 ? write : silent,
    debug: verbosity >= 2 ? write : silent,
    hasDebug: verbosity >= 2,
  };
}
