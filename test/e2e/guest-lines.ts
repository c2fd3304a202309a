/** A guest program that runs while a test does something else, and what it prints, line by line. */

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type RunOptions, fromSetup, startProgram } from '../support/program.ts';

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
  { namespace = 'e2e', flags = [], ...options }: GuestOptions = {},
): Guest {
  const file = `${fromSetup('KNS_TEST_GUESTS')}/${program}.mjs`;
  const command = ['-n', namespace, ...flags, '--', process.execPath, file, ...args.map(String)];
  const child = startProgram(command, options);
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
