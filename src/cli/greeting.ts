/** A line for each context at a terminal, so that nobody works on the wrong cluster unknowingly. */

import type { SessionSummary } from '../session/session.ts';
import type { LogOptions } from './options/general.ts';

export function greet({ verbosity, logFile }: LogOptions, summary: SessionSummary): void {
  if (!process.stderr.isTTY && (verbosity === 0 || logFile !== undefined)) return;
  for (const line of summaryLines(summary)) process.stderr.write(`kns-rootless: ${line}\n`);
}

export function summaryLines(summary: SessionSummary): string[] {
  return summary.map(({ context, selection, serviceCount }) => {
    const services = serviceCount === 1 ? 'Service' : 'Services';
    return `context ${context}, ${selection}, ${serviceCount} ${services}`;
  });
}
