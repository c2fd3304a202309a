/** docs/compatibility.md, from what the cells' last runs gave. */

import type { Cell, CellResult, RunResult } from './cell.ts';
import type { Facts } from './smoke/report.ts';

interface Tried {
  readonly cell: Cell;
  readonly result: CellResult | undefined;
}

const INTRODUCTION = `# What it was tried on

Written by \`npm run matrix\`, which runs a smoke suite ([test/matrix/smoke/checks.ts](../test/matrix/smoke/checks.ts)) of the released program in each of these systems: on both kinds of link, Services, transfers both ways, names, privileges; in distributions, and for a user, also all that confines, signals, exit codes, SIGKILL, a terminal, \`up\` and \`exec\`. What a system does not let be is refused: there the suite holds the program to the error's code ([errors.md](errors.md)), which stands in the table.

The systems of distributions are virtual machines with the release's own kernel, C library and bubblewrap. Versions are as the programs themselves say. Features are probed for, and never versions: what is not in a table may well work.
`;

const NOT_TRIED = `## Not tried

Architectures but x86-64; C libraries but glibc; Kubernetes pods, whose options are in [doctor.md](doctor.md); SELinux that enforces; Podman without root; kernels before 5.4.
`;

function verdict({ outcomes, isWhole }: RunResult): string {
  const failed = outcomes.filter(({ ok }) => !ok);
  const refused = outcomes.flatMap(({ ok, check, reason }) =>
    ok && reason !== undefined
      ? [check === 'a run is refused' ? `refused: \`${reason}\`` : `${check}: \`${reason}\``]
      : [],
  );
  if (failed.length > 0) return `**failed**: ${failed.map(({ check }) => check).join('; ')}`;
  if (!isWhole) return '**failed**: it did not come to its end';
  const passed = outcomes.length - refused.length;
  return [...(passed > 0 ? [`${passed} passed`] : []), ...refused].join('; ');
}

/** Numbers alone: what a builder adds to a kernel's version tells nobody anything. */
function systemOf({ kernel, bubblewrap, libc, node }: Facts): string[] {
  return [
    /^[\d.]+/.exec(kernel)?.[0] ?? kernel,
    bubblewrap.replace('bubblewrap ', ''),
    libc.replace(/^.* /, ''),
    node,
  ];
}

function row({ cell, result }: Tried): string[] {
  if (result === undefined) return [`| ${cell.title} | | | | | not tried yet | |`];
  const { runs, missing, date } = result;
  if (missing !== undefined) return [`| ${cell.title} | | | | | not tried: ${missing} | ${date} |`];
  const facts = runs.find((run) => run.facts !== undefined)?.facts;
  const system = facts === undefined ? ['', '', '', ''] : systemOf(facts);
  const outcome = runs.map((run) => `${run.title}: ${verdict(run)}`).join('<br>');
  return [`| ${[cell.title, ...system, outcome, date].join(' | ')} |`];
}

export function page(all: readonly Tried[]): string {
  const sections = [...new Set(all.map(({ cell }) => cell.section))].map((section) => {
    const rows = all.filter(({ cell }) => cell.section === section).flatMap(row);
    return [
      `## ${section}`,
      '',
      '| system | kernel | bubblewrap | glibc | Node | checks | date |',
      '|---|---|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  });
  return [INTRODUCTION, ...sections, NOT_TRIED].join('\n');
}
