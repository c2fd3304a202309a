/** The program that looks after sandboxes, and whatever else is a subcommand. */

import { enter, type Main } from './entry.ts';
import { isSubcommandName } from './subcommand-names.ts';
import { subcommand } from './subcommands.ts';

/** @param argv the first is a subcommand's name */
export const main: Main = ([name, ...argv], keepCode) =>
  enter(async (caller) => {
    if (!isSubcommandName(name)) throw new TypeError(`no subcommand: ${name}`);
    const { run } = await subcommand(name);
    const code = await run(argv, caller);
    // What has failed has used little of what the next one needs.
    if (code === 0) keepCode();
    return code;
  });
