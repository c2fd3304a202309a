/**
 * What the user is told of flows that were not let pass, or would not be: a line
 * for each destination, once, and the count of all at the end.
 */

import type { Log } from '../observe/log.ts';
import type { Decision, Flow } from './decision.ts';

/** Destinations that are told of one by one. */
const MAX_DESTINATIONS = 1024;

export class Denials {
  readonly #log: Log;
  readonly #told = new Set<string>();
  #count = 0;
  #wouldBe = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Flows that were denied. */
  get count(): number {
    return this.#count;
  }

  /** Flows that a dry run has let pass. */
  get wouldBeCount(): number {
    return this.#wouldBe;
  }

  note(flow: Flow, { verdict, rule, address }: Decision): void {
    if (verdict === 'allow') return;
    if (verdict === 'deny') this.#count += 1;
    else this.#wouldBe += 1;
    const destination = `${flow.protocol} ${address} ${flow.port}`;
    if (this.#told.has(destination) || this.#told.size > MAX_DESTINATIONS) return;
    this.#told.add(destination);
    if (this.#told.size > MAX_DESTINATIONS) {
      this.#log.warn('further destinations are denied without a line for each; --audit has them all');
      return;
    }
    const host = address.includes(':') && flow.protocol !== 'icmp' ? `[${address}]` : address;
    const where = `${flow.protocol} ${host}${flow.protocol === 'icmp' ? '' : `:${flow.port}`}`;
    const known = flow.names.length === 0 ? '' : ` (${flow.names.join(', ')})`;
    // Programs ask groups of hosts for printers and the like, without anybody having wished for it.
    const level = rule.startsWith('protected') ? 'info' : 'warn';
    this.#log[level](`${where}${known}: ${verdict === 'deny' ? 'denied' : 'would be denied'} by ${rule}`);
  }
}
