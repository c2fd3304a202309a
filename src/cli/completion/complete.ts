/**
 * What may stand at the last word of a command line, by commander's own definitions.
 *
 * The answer is lines of fields with a tab between. The first says what the
 * shell is to add of its own, and from where:
 *
 *     words        PREFIX   nothing
 *     files        PREFIX   files and directories
 *     directories  PREFIX   directories
 *     command      INDEX    what it has for the command that begins with that word
 *
 * PREFIX is what of the word stands before the value. Each further line is a
 * value that goes there, and what is to be said of it. All are given, whatever
 * the word begins with: shells have rules of their own for what matches.
 */

import type { Argument, Command, Option } from 'commander';
import { optionsOf, type Place, placeOf, type Position } from './position.ts';

export interface Definitions {
  readonly program: Command;
  readonly subcommands: ReadonlyMap<string, Command>;
  /** What a placeholder stands for, `sandbox` in `<sandbox>`, given the values of the options so far. */
  readonly named: Readonly<Record<string, (values: Place['values']) => Promise<readonly string[]>>>;
}

interface Answer {
  readonly shell: 'words' | 'files' | 'directories' | 'command';
  readonly from: string | number;
  readonly candidates: readonly Candidate[];
}

interface Candidate {
  readonly value: string;
  readonly description?: string;
}

const SOURCE_AND_PLACE = 'src[:dst]';

/** Placeholders of what the shell itself knows. */
const IN_SHELL: Readonly<Record<string, Answer['shell']>> = {
  file: 'files',
  path: 'files',
  [SOURCE_AND_PLACE]: 'files',
  directory: 'directories',
};

/** @param words after the program's name, up to the one that is asked about, which may be empty */
export async function complete(words: readonly string[], definitions: Definitions): Promise<string> {
  const { shell, from, candidates } = await answerTo(words, definitions);
  const head = `${shell}\t${from}\n`;
  const lines = candidates
    .filter(({ value }) => !hasControls(value))
    .map(({ value, description = '' }) => `${value}\t${description}\n`);
  return hasControls(String(from)) ? '' : head + lines.join('');
}

/** They would part the answer's fields; and names come from files, and go to a terminal. */
function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

async function answerTo(words: readonly string[], definitions: Definitions): Promise<Answer> {
  const { program, subcommands } = definitions;
  const [first = ''] = words;
  const subcommand = words.length > 1 ? subcommands.get(first) : undefined;
  const definition = subcommand ?? program;
  const skipped = subcommand === undefined ? 0 : 1;
  const { position, values } = placeOf(definition, words.slice(skipped));
  switch (position.kind) {
    case 'option':
      return { shell: 'words', from: '', candidates: optionsOf(definition).flatMap(flagsOf) };
    case 'value':
      return valuesFor(position, words.at(-1) ?? '', values, definitions);
    case 'command':
      return {
        shell: 'command',
        from: position.start + skipped,
        candidates: words.length === 1 ? [...subcommands].map(subcommandCandidate) : [],
      };
    case 'nothing':
      return { shell: 'words', from: '', candidates: [] };
  }
}

function flagsOf({ short, long, description }: Option): Candidate[] {
  return [long, short].filter((flag) => flag !== undefined).map((value) => ({ value, description }));
}

function subcommandCandidate([value, definition]: [string, Command]): Candidate {
  return { value, description: definition.description() };
}

async function valuesFor(
  { of, prefix }: Position & { kind: 'value' },
  word: string,
  values: Place['values'],
  { named }: Definitions,
): Promise<Answer> {
  const placeholder = placeholderOf(of);
  const shell = IN_SHELL[placeholder] ?? 'words';
  const from = placeholder === SOURCE_AND_PLACE ? prefix + sourceOf(word.slice(prefix.length)) : prefix;
  const all = of.argChoices ?? (await named[placeholder]?.(values)) ?? [];
  return { shell, from, candidates: all.map((value) => ({ value })) };
}

/** `file` of `--audit <file>`. */
function placeholderOf(of: Option | Argument): string {
  return 'flags' in of ? (/<(.+)>$/.exec(of.flags)?.[1] ?? '') : of.name();
}

/** `/here:` of `/here:/the`; paths may have colons themselves (src/cli/values/mount.ts). */
function sourceOf(text: string): string {
  return /^.+:(?=\/|$)/s.exec(text)?.[0] ?? '';
}
