/** `kns-rootless doctor [options]`: says whether a run with these options would work. */

import { consult } from '../../doctor/doctor.ts';
import { jsonOf, lineOf, summaryOf, wouldWork } from '../../doctor/report.ts';
import { createLog } from '../../observe/log.ts';
import { addGeneralOptions } from '../options/general.ts';
import { print } from '../output.ts';
import { addSandboxLine, makeCommand, readSandboxLine, type SandboxLine } from '../program.ts';
import { VERSION } from '../version.ts';
import { withDemo } from '../with-demo.ts';

/** A run would fail. 125 is for a doctor that fails itself. */
const EXIT_ILL = 1;

const HELP = `
Each line is one check: ok, warning, failed or skipped, what was found, and what
to do about it. The exit code is 0 when a run with the same options would work,
and 1 when it would not.`;

interface DoctorLine extends SandboxLine {
  readonly json: boolean;
}

function parse(argv: readonly string[]): DoctorLine {
  const program = makeCommand('kns-rootless doctor')
    .usage('[options]')
    .description('Checks what a run needs, and says what to do where something is missing.')
    .addHelpText('after', HELP);
  addSandboxLine(program);
  addGeneralOptions(program, VERSION);
  program.option('--json', 'print one JSON object in place of lines');
  program.parse(argv, { from: 'user' });
  return {
    json: program.opts<{ json?: true }>().json ?? false,
    ...readSandboxLine(program),
  };
}

/**
 * @param argv what follows `doctor`
 * @returns the exit code. Throws CommanderError for --help and --version, UsageError for what makes no sense
 */
export async function doctor(argv: readonly string[]): Promise<number> {
  const { json, verbosity, demo, ...options } = parse(argv);
  const log = createLog(verbosity);
  const results = await withDemo(demo, (kubeconfig) =>
    consult({ ...options, ...kubeconfig, log }, process.env, (result) => {
      if (!json) printLine(lineOf(result));
    }),
  );
  printLine(json ? jsonOf(VERSION, results) : `\n${summaryOf(results)}`);
  return wouldWork(results) ? 0 : EXIT_ILL;
}

function printLine(text: string): void {
  print(`${text}\n`);
}
