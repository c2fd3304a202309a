/**
 * What the user is told, kept in a file with the time of each line (RFC 3339, in
 * UTC, with milliseconds): what `-v` tells, and each connection with `-vv`.
 */

import { UsageError } from '../errors.ts';
import { openLineFile } from './line-file.ts';
import type { Log } from './log.ts';

export interface LogFile {
  /** Tells what the log it stands before tells, and keeps it. */
  readonly log: Log;
  /** Keeps what is told in another way; it may be several lines. */
  keep(text: string): void;
  /** Writes what is left. */
  close(): Promise<void>;
}

/** Throws `LOG_FILE_FAILED`. @param path a file that is added to @param verbosity how often `-v` was given */
export async function openLogFile(path: string, verbosity: number, log: Log): Promise<LogFile> {
  const file = await openLineFile(path, {
    what: 'the log',
    failed: (message, remedy) => new UsageError('LOG_FILE_FAILED', message, remedy),
    dropped: (lines) => timed(`${lines} lines are missing here: the disk was too slow`),
    log,
  });
  const keep = (text: string): void => {
    for (const line of text.split('\n')) file.write(() => timed(line));
  };
  const both = (tell: (line: string) => void) => (line: string) => {
    keep(line);
    tell(line);
  };
  const hasDebug = verbosity >= 2;
  return {
    log: {
      warn: both((line) => log.warn(line)),
      info: both((line) => log.info(line)),
      debug: hasDebug ? both((line) => log.debug(line)) : (line) => log.debug(line),
      hasDebug: hasDebug || log.hasDebug,
    },
    keep,
    close: () => file.close(),
  };
}

function timed(line: string): string {
  return `${new Date().toISOString()} ${line}`;
}
