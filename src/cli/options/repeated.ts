/** An option that may be given several times: each value is read as it comes, and kept in order. */

import { Option } from 'commander';

export function repeated(flags: string, description: string, read: (text: string) => unknown): Option {
  return new Option(flags, description).argParser<readonly unknown[] | undefined>((text, before) => [
    ...(before ?? []),
    read(text),
  ]);
}

export function asGiven(text: string): string {
  return text;
}
