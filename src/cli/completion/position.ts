/** What a word of a command line is, by the definition of the command that is to read it. */

import type { Argument, Command, Option } from 'commander';

export type Position =
  | { readonly kind: 'option' }
  /** Of an option or an argument; `prefix` is what of the word comes before it, such as `--link=`. */
  | { readonly kind: 'value'; readonly of: Option | Argument; readonly prefix: string }
  /** The command that is run, or what follows it; `start` is the index of its own first word. */
  | { readonly kind: 'command'; readonly start: number }
  | { readonly kind: 'nothing' };

export interface Place {
  readonly position: Position;
  /** The options' values so far, by their attribute names: the last of each. */
  readonly values: ReadonlyMap<string, string>;
}

/** The argument that is a program, and takes all that follows. */
const COMMAND = 'command';

/** @param words up to the one that is asked about, which may be empty */
export function placeOf(definition: Command, words: readonly string[]): Place {
  const options = optionsOf(definition);
  const hasCommand = definition.registeredArguments.some((argument) => argument.name() === COMMAND);
  const values = new Map<string, string>();
  const at = (position: Position): Place => ({ position, values });
  let awaiting: Option | undefined;
  let operands = 0;
  let optionsEnded = false;
  for (const [index, word] of words.slice(0, -1).entries()) {
    const isOption = !optionsEnded && /^-./.test(word);
    if (awaiting !== undefined) {
      values.set(awaiting.attributeName(), word);
      awaiting = undefined;
    } else if (word === '--') {
      optionsEnded = true;
    } else if (isOption) {
      const { option, valueAt } = lastOption(options, word) ?? {};
      if (valueAt === undefined) awaiting = option?.required ? option : undefined;
      else if (option !== undefined) values.set(option.attributeName(), word.slice(valueAt));
    } else {
      if (argumentAt(definition, operands)?.name() === COMMAND) return at({ kind: 'command', start: index });
      operands++;
      optionsEnded ||= hasCommand;
    }
  }
  const word = words.at(-1) ?? '';
  if (awaiting !== undefined) return at({ kind: 'value', of: awaiting, prefix: '' });
  if (!optionsEnded && word.startsWith('-')) return at(positionInOption(options, word));
  const argument = argumentAt(definition, operands);
  if (argument === undefined) return at({ kind: 'nothing' });
  if (argument.name() === COMMAND) return at({ kind: 'command', start: words.length - 1 });
  return at({ kind: 'value', of: argument, prefix: '' });
}

/** All that --help shows, with --help itself. */
export function optionsOf(definition: Command): Option[] {
  return definition.createHelp().visibleOptions(definition);
}

function argumentAt({ registeredArguments }: Command, index: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[index] ?? (last?.variadic ? last : undefined);
}

function positionInOption(options: readonly Option[], word: string): Position {
  const { option, valueAt } = lastOption(options, word) ?? {};
  if (option === undefined || valueAt === undefined) return { kind: 'option' };
  return { kind: 'value', of: option, prefix: word.slice(0, valueAt) };
}

/**
 * The option that a word ends with: `--link`, `--link=tun`, `-n`, `-nshop`, `-vn`.
 *
 * `valueAt` is where its value begins in this word; undefined where it has none, or it is the next word.
 */
function lastOption(
  options: readonly Option[],
  word: string,
): { option: Option; valueAt: number | undefined } | undefined {
  if (word.startsWith('--')) {
    const [flag] = word.split('=', 1);
    const option = options.find(({ long }) => long === flag);
    return option && { option, valueAt: option.required && flag !== word ? flag.length + 1 : undefined };
  }
  for (let end = 1; end < word.length; end++) {
    const option = options.find(({ short }) => short === `-${word[end]}`);
    if (option === undefined) return undefined;
    if (end === word.length - 1) return { option, valueAt: undefined };
    if (option.required) return { option, valueAt: end + 1 };
  }
  return undefined;
}
