/** A cell of the matrix: a system, and the runs of the smoke suite in it. */

import { type Facts, format, type Line, type Order, type Outcome } from './smoke/report.ts';

/** As whom the suite runs, and what it is to meet. */
export interface Run extends Order {
  /** What tells it from the cell's other runs. */
  readonly title: string;
  /** The shell's line, given that of the suite; $MATRIX is the payload's folder. */
  readonly line: (smoke: string) => string;
}

export interface Cell {
  readonly section: string;
  readonly title: string;
  readonly runs: readonly Run[];
  /** Has a shell script run there. @returns what was printed. @throws Missing where that can't be had here */
  readonly make: (script: string) => Promise<string>;
}

export interface RunResult {
  readonly title: string;
  readonly facts?: Facts;
  readonly outcomes: readonly Outcome[];
  /** It came to its end. */
  readonly isWhole: boolean;
}

export interface CellResult {
  readonly date: string;
  readonly runs: readonly RunResult[];
  /** Why it was not tried. */
  readonly missing?: string;
  /** What was printed beside the results, where a run did not come to its end. */
  readonly noise?: string;
}

const NOISE_CHARACTERS = 4000;

/** All runs of a cell, one after the other. */
export function scriptOf({ runs }: Cell): string {
  return runs
    .map(({ title, line, scope, refused }) => {
      const order: Order = { scope, ...(refused === undefined ? {} : { refused }) };
      const announced = `cat <<'END'\n${format({ kind: 'run', title })}END`;
      return `${announced}\n${line(`"$MATRIX"/bin/node "$MATRIX"/smoke.mjs '${JSON.stringify(order)}'`)}`;
    })
    .join('\n');
}

export function resultOf(cell: Cell, lines: readonly Line[], printed: string): CellResult {
  const runs = cell.runs.map(({ title }) => {
    const start = lines.findIndex((line) => line.kind === 'run' && line.title === title);
    const rest = start < 0 ? [] : lines.slice(start + 1);
    const end = rest.findIndex((line) => line.kind === 'run');
    const own = end < 0 ? rest : rest.slice(0, end);
    const facts = own.find((line) => line.kind === 'facts')?.facts;
    return {
      title,
      ...(facts === undefined ? {} : { facts }),
      outcomes: own.flatMap((line) => (line.kind === 'outcome' ? [line.outcome] : [])),
      isWhole: own.some((line) => line.kind === 'end'),
    };
  });
  const date = new Date().toISOString().slice(0, 10);
  if (runs.every((run) => run.isWhole)) return { date, runs };
  return { date, runs, noise: printed.slice(-NOISE_CHARACTERS) };
}

/** What went wrong in it, in lines. */
export function complaints({ runs, noise }: CellResult): string[] {
  const failed = runs.flatMap(({ title, outcomes, isWhole }) => [
    ...outcomes.filter(({ ok }) => !ok).map(({ check, reason }) => `${title}: ${check}: ${reason}`),
    ...(isWhole ? [] : [`${title}: it did not come to its end`]),
  ]);
  return noise === undefined ? failed : [...failed, noise];
}

/** As an ordinary user, $TESTER. */
export const USER: Run = {
  title: 'user',
  scope: 'all',
  line: (smoke) =>
    `cd / && HOME=$(getent passwd "$TESTER" | cut -d: -f6) setpriv --reuid "$TESTER" --regid "$TESTER" --init-groups ${smoke}`,
};

export const ROOT: Run = { title: 'root', scope: 'links', line: (smoke) => `cd / && HOME=/root ${smoke}` };
