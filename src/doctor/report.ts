/**
 * What was found, as lines for people and as JSON for programs.
 *
 *     ok       bubblewrap       /usr/bin/bwrap, bubblewrap 0.8.0, …
 *     failed   user-namespaces  user namespaces are not permitted here: … [USERNS_DENIED]: allow them, …
 *
 * What goes with a check is below its line, indented: a file to write, or what
 * a run does without.
 */

import type { Examined } from './examine.ts';

const STATUS_WIDTH = 9;
const NAME_WIDTH = 17;
const INDENT = ' '.repeat(STATUS_WIDTH);

export function lineOf({ id, subject, status, message, code, remedy, notes = [] }: Examined): string {
  const name = subject === undefined ? id : `${id} (${subject})`;
  const said = `${message}${code === undefined ? '' : ` [${code}]`}${remedy === undefined ? '' : `: ${remedy}`}`;
  const line = `${status.padEnd(STATUS_WIDTH)}${name.padEnd(NAME_WIDTH)} ${said}`;
  return [line, ...notes.map((note) => `${INDENT}${note}`)].join('\n');
}

export function wouldWork(results: readonly Examined[]): boolean {
  return results.every(({ status }) => status !== 'failed');
}

export function summaryOf(results: readonly Examined[]): string {
  if (wouldWork(results)) {
    const warnings = results.filter(({ status }) => status === 'warning').length;
    if (warnings === 0) return 'A run would work.';
    return `A run would work, with ${warnings === 1 ? 'one restriction' : `${warnings} restrictions`}.`;
  }
  const first = results.find(({ status }) => status === 'failed');
  return `A run would fail: begin with ${first?.id}.`;
}

export function jsonOf(version: string, results: readonly Examined[]): string {
  return JSON.stringify({ version, works: wouldWork(results), checks: results }, undefined, 2);
}
