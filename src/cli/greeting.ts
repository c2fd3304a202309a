/** A line for each context at a terminal, so that nobody works on the wrong cluster unknowingly. */

import type { SessionSummary } from '../session/session.ts';

export function greet(verbosity: number, summary: SessionSummary): void {
  if (!process.stderr.isTTY && verbosity === 0) return;
  for (const { context, selection, serviceCount } of summary) {
    const services = serviceCount === 1 ? 'Service' : 'Services';
    process.stderr.write(`kns-rootless: context ${context}, ${selection}, ${serviceCount} ${services}\n`);
  }
}
