/**
 * What the user is told of flows that were not let pass, or would not be: a line
 * for each destination, once, and the count of all at the end.
 */

import type { Log } from '../observe/log.ts';
import type { Decision, Flow, NameDecision } from './decision.ts';

/** Destinations that are told of one by one. */
const MAX_DESTINATIONS = 1024;

export class Denials {
  readonly #log: Log;
  readonly #searchDomains: () => readonly string[];
  readonly #told = new Set<string>();
  #count = 0;
  #wouldBe = 0;

  /** @param searchDomains the host's: names below them come about by themselves */
  constructor(log: Log, searchDomains: () => readonly string[] = () => []) {
    this.#log = log;
    this.#searchDomains = searchDomains;
  }

  /** Flows that were denied. */
  get count(): number {
    return this.#count;
  }

  note(flow: Flow, decision: Decision): void {
    if (decision.verdict === 'allow') return;
    if (decision.verdict === 'deny') this.#count += 1;
    else this.#wouldBe += 1;
    const { address } = decision;
    const { protocol, port, names, service } = flow;
    const isPing = protocol === 'icmp';
    const spelled = address.includes(':') && !isPing ? `[${address}]` : address;
    const host = service === undefined ? spelled : `${service.namespace}/svc/${service.name}`;
    this.#tellOnce(
      `${protocol} ${host}${isPing ? '' : `:${port}`}`,
      names.length === 0 ? '' : ` (${names.join(', ')})`,
      decision,
      // Programs ask groups of hosts for printers and the like, without anybody having wished for it.
      decision.rule.startsWith('protected') && decision.remedy === undefined ? 'info' : 'warn',
    );
  }

  /** At the end: what is not in any line. */
  tellCounts(): void {
    if (this.#count > 0) this.#log.info(`flows denied: ${this.#count}`);
    if (this.#wouldBe > 0) this.#log.info(`flows that would be denied: ${this.#wouldBe}`);
  }

  /** A name that is not looked up, or would not be. */
  noteName(name: string, decision: NameDecision): void {
    if (decision.verdict === 'allow') return;
    this.#tellOnce(`look-up of ${printable(name)}`, '', decision, this.#isWish(name) ? 'warn' : 'info');
  }

  /**
   * Whether somebody may have written the name. Who misspells a Service gets to one without a dot by the search
   * list, to `www.example.com.corp.example` who looks for www.example.com, and who logs an address to its reverse.
   */
  #isWish(name: string): boolean {
    const own = name.toLowerCase().replace(/\.$/, '');
    const domain = this.#searchDomains().find((one) => own.endsWith(`.${one.toLowerCase()}`));
    const written = domain === undefined ? own : own.slice(0, -domain.length - 1);
    return own.includes('.') && !own.endsWith('.arpa') && (domain === undefined || !written.includes('.'));
  }

  #tellOnce(
    destination: string,
    known: string,
    { verdict, rule, remedy }: NameDecision & Pick<Decision, 'remedy'>,
    level: 'warn' | 'info',
  ): void {
    if (this.#told.has(destination) || this.#told.size > MAX_DESTINATIONS) return;
    this.#told.add(destination);
    if (this.#told.size > MAX_DESTINATIONS) {
      this.#log.warn('further destinations are denied without a line for each; --audit has them all');
      return;
    }
    const what = verdict === 'deny' ? 'denied' : 'would be denied';
    const hint = remedy === undefined ? '' : `; ${remedy}`;
    this.#log[level](`${destination}${known}: ${what} by ${rule}${hint}`);
  }
}

/** As master files have names (RFC 1035, 5.1): a label may have any bytes, also those that move a terminal's cursor. */
function printable(name: string): string {
  return name.replaceAll(/[^!-~]/g, (one) => `\\${String(one.charCodeAt(0)).padStart(3, '0')}`);
}
