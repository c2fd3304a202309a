/**
 * The text of /etc/hosts (hosts(5)): the sandbox's names, then what the host has.
 *
 * Ours stand before the host's, and a name of ours is taken out of the host's
 * entries: glibc's `multi on` (host.conf(5)) would return the addresses of both.
 *
 * A look-up reads the file from its start, whatever is looked up: measured with
 * glibc 2.36, 0.1 ms for 100 Services, 0.5 ms for 1,000, 1.9 ms for 5,000. Past
 * a bound the file costs more than it saves, and DNS alone has the names.
 */

import { canonicalName, type NameTable } from '../name-table.ts';

/** Lines of ours that the file has at most; each Service has two, one for each family. */
const MAX_LINES = 2000;

const HEADING = '# Kubernetes Services, by kns-rootless\n';
const TOO_MANY = '# Kubernetes Services, by kns-rootless: too many to be listed here, DNS has them\n';

export class HostsFile {
  readonly #host: string;
  readonly #ownName: string;
  /** Of the host's entries; to tell whether they are to be looked through again. */
  readonly #hostNames = new Set<string>();
  /** The names of the host's entries that were ours when `#kept` was made. */
  #taken = '';
  #kept: string | undefined;

  /**
   * @param host the host's own file, or nothing where it has none
   * @param ownName the host's name. Many hosts leave it to nss-myhostname(8), which is not asked here; programs
   *   look it up to bind to it, so it is added where it is missing.
   */
  constructor(host: string, ownName: string) {
    this.#host = host;
    this.#ownName = canonicalName(ownName);
  }

  text(names: NameTable): string {
    const kept = this.#keptOf(names);
    const lines = linesOf(names);
    return lines === undefined ? `${TOO_MANY}\n${kept}` : `${HEADING}${lines}\n${kept}`;
  }

  /** Looks through the host's entries only where the answer may differ: block lists make some 200,000 lines long. */
  #keptOf(names: NameTable): string {
    if (this.#kept !== undefined && this.#takenBy(names) === this.#taken) return this.#kept;
    const lines = this.#host.split('\n').map((line) => this.#line(line, names));
    const own = this.#ownName;
    const addsOwn = own !== '' && names.lookup(own) === undefined && !this.#hostNames.has(own);
    this.#taken = this.#takenBy(names);
    this.#kept = withLoopback(`${addsOwn ? `127.0.1.1\t${own}\n` : ''}${lines.join('\n')}`);
    return this.#kept;
  }

  /** Which names of the host are ours; found from the side that has fewer. */
  #takenBy(names: NameTable): string {
    const isOurs = (name: string): boolean => names.lookup(name) !== undefined;
    const isHosts = (name: string): boolean => name === this.#ownName || this.#hostNames.has(name);
    return this.#hostNames.size < names.size
      ? [this.#ownName, ...this.#hostNames].filter(isOurs).join(' ')
      : [...names.names()].filter(isHosts).toSorted().join(' ');
  }

  #line(line: string, names: NameTable): string {
    if (line === '' || line.startsWith('#')) return line;
    const comment = line.indexOf('#');
    const entry = comment < 0 ? line : line.slice(0, comment);
    const [address, ...aliases] = entry.trim().split(/\s+/);
    for (const alias of aliases) this.#hostNames.add(canonicalName(alias));
    const kept = aliases.filter((alias) => names.lookup(alias) === undefined);
    if (kept.length === aliases.length) return line;
    return kept.length === 0 ? `# ${line}` : `${address}\t${kept.join(' ')}`;
  }
}

/** Our names, an address a line; undefined where they are too many. */
function linesOf(names: NameTable): string | undefined {
  const namesOf = new Map<string, string[]>();
  for (const [name, { addresses, inHosts }] of names.entries()) {
    if (!inHosts) continue;
    for (const address of addresses) {
      const known = namesOf.get(address);
      if (known !== undefined) known.push(name);
      else if (namesOf.size < MAX_LINES) namesOf.set(address, [name]);
      else return undefined;
    }
  }
  return [...namesOf].map(([address, all]) => `${address}\t${all.join(' ')}\n`).join('');
}

/** A container may have no hosts file at all; localhost must resolve all the same. */
function withLoopback(host: string): string {
  const names = /^\s*127\.0\.0\.1\s(?:.*\s)?localhost(?:\s|$)/m.test(host);
  return names ? host : `127.0.0.1\tlocalhost\n${host}`;
}
