/**
 * The text of the three files of /etc by which programs find names.
 *
 * Ours stand before the host's, so that a Service wins over an entry of the
 * same name; everything of the host's that does not speak of name servers
 * stays as it is.
 */

import type { NameTable } from './name-table.ts';

/** hosts(5): our names, an address a line, then what the host has, its own name at least. */
export function hostsFile(names: NameTable, host: string, ownName: string): string {
  const byAddress = new Map<string, string[]>();
  for (const [name, addresses] of names.entries()) {
    for (const address of addresses) {
      const line = byAddress.get(address);
      if (line === undefined) byAddress.set(address, [name]);
      else line.push(name);
    }
  }
  const lines = [...byAddress].map(([address, aliases]) => `${address}\t${aliases.join(' ')}\n`);
  const kept = ensureLoopback(withoutNames(host, names, ownName));
  return `# Kubernetes Services, by kns-rootless\n${lines.join('')}\n${kept}`;
}

/**
 * The host's entries less the names that are Services here: glibc's `multi on`
 * (host.conf(5)) would return the addresses of both.
 *
 * Many hosts leave their own name to nss-myhostname(8), which is not asked
 * here; programs look it up to bind to it, so it is added where it is missing.
 *
 * One pass: block lists have made some hosts files 200,000 lines long.
 */
function withoutNames(host: string, names: NameTable, ownName: string): string {
  const isService = (name: string) => (names.lookup(name)?.length ?? 0) > 0;
  let ownNameMissing = ownName !== '' && !isService(ownName);
  const lines = host.split('\n').map((line) => {
    if (line === '' || line.startsWith('#')) return line;
    const comment = line.indexOf('#');
    const entry = comment < 0 ? line : line.slice(0, comment);
    const [address, ...aliases] = entry.trim().split(/\s+/);
    if (ownNameMissing) ownNameMissing = !aliases.some((alias) => isSameName(alias, ownName));
    const kept = aliases.filter((alias) => !isService(alias));
    if (kept.length === aliases.length) return line;
    return kept.length === 0 ? `# ${line}` : `${address}\t${kept.join(' ')}`;
  });
  return `${ownNameMissing ? `127.0.1.1\t${ownName}\n` : ''}${lines.join('\n')}`;
}

function isSameName(one: string, other: string): boolean {
  return one.length === other.length && one.toLowerCase() === other.toLowerCase();
}

/** A container may have no hosts file at all; localhost must resolve all the same. */
function ensureLoopback(host: string): string {
  const names = /^\s*127\.0\.0\.1\s(?:.*\s)?localhost(?:\s|$)/m.test(host);
  return names ? host : `127.0.0.1\tlocalhost\n${host}`;
}

/** resolv.conf(5): our name server; the host's search list, options and sort list stay. */
export function resolvConf(nameServer: string, host: string): string {
  const kept = host.split('\n').filter((line) => /^\s*(?:search|domain|options|sortlist)\s/.test(line));
  return [`nameserver ${nameServer}`, ...kept, ''].join('\n');
}

/**
 * nsswitch.conf(5): hosts come from the file and from DNS, and from nowhere
 * else, since a daemon of the host (systemd-resolved, mDNS, winbind) would
 * answer for the host's network.
 */
export function nsswitchConf(host: string): string {
  const line = 'hosts:          files dns';
  const lines = host.split('\n').filter((each) => !/^\s*hosts\s*:/i.test(each));
  while (lines.at(-1) === '') lines.pop();
  return [...lines, line, ''].join('\n');
}
