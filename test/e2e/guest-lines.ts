/** A guest program that runs while a test does something else, and what it prints, line by line. */

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type RunOptions, fromSetup, startProgram } from '../support/program.ts';

/** Sends so many bytes as it is told in a line. */
const SOURCE_PORT = 7002;

export interface Guest {
  readonly child: ChildProcess;
  /** Resolves when it prints a line that begins so, from now on; rejects when it ends before. */
  line(text: string): Promise<void>;
  /** Its last line, when it has ended. */
  last(): Promise<string>;
}

interface GuestOptions extends RunOptions {
  readonly namespace?: string;
  /** More options of the program. */
  readonly flags?: readonly string[];
}

/** Starts a program of fixtures/guests as the sandbox's command: signals reach it as they are. */
export function startGuest(
  program: string,
  args: readonly (string | number)[],
  options: GuestOptions = {},
): Guest {
  const file = `${fromSetup('KNS_TEST_GUESTS')}/${program}.mjs`;
  return startCommand([process.execPath, file, ...args.map(String)], options);
}

/**
 * A download from a source of so many bytes. Prints `moving`, and at the end `END, BYTES bytes`, END being `FIN` or `RST`.
 *
 * By read(2), since Node tells no reset that comes with bytes before it (libuv's
 * uv__stream_io takes EPOLLHUP after a partial read for the end of data).
 */
export function startDownload(host: string, bytes: number, options: GuestOptions = {}): Guest {
  const script = `
    exec 3<>"/dev/tcp/$0/${SOURCE_PORT}"; echo "$1" >&3
    head -c 1 <&3 >/dev/null; echo moving
    count=$(cat <&3 2>/dev/null | wc -c; exit "\${PIPESTATUS[0]}") && end=FIN || end=RST
    echo "$end, $((count + 1)) bytes"`;
  return startCommand(['bash', '-c', script, host, String(bytes)], options);
}

export function startCommand(
  command: readonly string[],
  { namespace = 'e2e', flags = [], ...options }: GuestOptions = {},
): Guest {
  const child = startProgram(['-n', namespace, ...flags, '--', ...command], options);
  if (child.stdout === null || child.stderr === null) throw new Error('no pipes');
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
  const lines = createInterface({ input: child.stdout });
  const seen: string[] = [];
  let taken = 0;
  let wake: (() => void) | undefined;
  let ended = false;
  lines.on('line', (line) => {
    seen.push(line);
    wake?.();
  });
  lines.on('close', () => {
    ended = true;
    wake?.();
  });
  const next = async (): Promise<string | undefined> => {
    while (taken === seen.length && !ended)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return seen[taken++];
  };
  return {
    child,
    line: async (text) => {
      for (let line = await next(); !line?.startsWith(text); line = await next())
        if (line === undefined)
          throw new Error(`it ended without "${text}": ${[...seen, ...errors].join('\n')}`);
    },
    last: async () => {
      while ((await next()) !== undefined);
      const line = seen.at(-1);
      if (line === undefined) throw new Error(`it has printed nothing: ${errors.join('\n')}`);
      return line;
    },
  };
}
