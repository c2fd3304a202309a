/** `kns-rootless doctor [options]`: says whether a run with these options would work. */

import type { Command } from 'commander';
import { consult } from '../../doctor/doctor.ts';
import { jsonOf, lineOf, summaryOf, wouldWork } from '../../doctor/report.ts';
import { createLog } from '../../observe/log.ts';
import { addGeneralOptions } from '../options/general.ts';
import { print } from '../output.ts';
import { addSandboxLine, makeCommand, readSandboxLine } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';
import { VERSION } from '../version.ts';
import { withDemo } from '../with-demo.ts';

/** A run would fail. 125 is for a doctor that fails itself. */
const EXIT_ILL = 1;

const HELP = `
Each line is one check: ok, warning, failed or skipped, what was found, and what
to do about it. The exit code is 0 when a run with the same options would work,
and 1 when it would not.`;

function define(): Command {
  const program = makeCommand('kns-rootless doctor')
    .usage('[options]')
    .description('Checks what a run needs, and says what to do where something is missing.')
    .addHelpText('after', HELP);
  addSandboxLine(program);
  addGeneralOptions(program, VERSION);
  program.option('--json', 'print one JSON object in place of lines');
  return program;
}

async function run(argv: readonly string[]): Promise<number> {
  const program = define().parse(argv, { from: 'user' });
  const { json = false } = program.opts<{ json?: true }>();
  const { verbosity, demo, ...options } = readSandboxLine(program);
  const log = createLog(verbosity);
  const results = await withDemo(demo, (kubeconfig) =>
    consult({ ...options, ...kubeconfig, log }, process.env, (result) => {
      if (!json) printLine(lineOf(result));
    }),
  );
  printLine(json ? jsonOf(VERSION, results) : `\n${summaryOf(results)}`);
  return wouldWork(results) ? 0 : EXIT_ILL;
}

export const doctor: Subcommand = { define, run };

function printLine(text: string): void {
  print(`${text}\n`);
}
