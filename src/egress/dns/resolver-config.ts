/**
 * The resolvers that the host asks itself: /etc/resolv.conf by the rules of
 * resolv.conf(5), read again when it has changed. The questions come from the
 * host, so that a resolver on its loopback (127.0.0.53) is as good as any.
 */

import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { monotonicMs } from '../../monotonic.ts';

export interface NameServer {
  /** May have a zone: `fe80::1%eth0`. */
  readonly address: string;
  readonly port: number;
}

export interface ResolverConfig {
  readonly servers: readonly NameServer[];
  readonly timeoutMs: number;
  /** How often each server is asked. */
  readonly attempts: number;
  /** Each question starts at another server. */
  readonly rotate: boolean;
  /** TCP at once (`use-vc`). */
  readonly tcpOnly: boolean;
  /** Domains in which programs look for names, before or after they look for them as they are. */
  readonly search: readonly string[];
}

const DNS_PORT = 53;
/** MAXNS of glibc. */
const MAX_SERVERS = 3;
const DEFAULT_TIMEOUT_S = 5;
const MAX_TIMEOUT_S = 30;
const DEFAULT_ATTEMPTS = 2;
const MAX_ATTEMPTS = 5;

export function parseResolverConfig(text: string): ResolverConfig {
  // A comment starts a line; `#` further on is part of what is there.
  const lines = text
    .split('\n')
    .filter((line) => !/^[;#]/.test(line))
    .map((line) => line.trim().split(/\s+/));
  const servers = lines
    .filter(([keyword, address = '']) => keyword === 'nameserver' && isIP(address) !== 0)
    .map(([, address]) => ({ address, port: DNS_PORT }))
    .slice(0, MAX_SERVERS);
  const options = lines.filter(([keyword]) => keyword === 'options').flatMap((line) => line.slice(1));
  const number = (name: string, most: number, byDefault: number): number => {
    const value = options.findLast((option) => option.startsWith(`${name}:`))?.slice(name.length + 1) ?? '';
    return /^\d+$/.test(value) ? Math.min(Math.max(Number(value), 1), most) : byDefault;
  };
  return {
    // resolv.conf(5): without any, the one on this machine.
    servers: servers.length > 0 ? servers : [{ address: '127.0.0.1', port: DNS_PORT }],
    timeoutMs: number('timeout', MAX_TIMEOUT_S, DEFAULT_TIMEOUT_S) * 1000,
    attempts: number('attempts', MAX_ATTEMPTS, DEFAULT_ATTEMPTS),
    rotate: options.includes('rotate'),
    tcpOnly: options.includes('use-vc'),
    // The last one counts, and `domain` is a search list of one.
    search: lines.findLast(([keyword]) => keyword === 'search' || keyword === 'domain')?.slice(1) ?? [],
  };
}

/** A VPN that comes up changes the file; a look at it costs a system call. */
const CHECK_INTERVAL_MS = 1_000;

export class HostResolvers {
  readonly #file: string;
  #config: ResolverConfig = parseResolverConfig('');
  #stamp = '';
  #checkAt = Number.NEGATIVE_INFINITY;

  constructor(file = '/etc/resolv.conf') {
    this.#file = file;
  }

  /** As the file has it, or had it a moment ago. */
  current(): ResolverConfig {
    const now = monotonicMs();
    if (now < this.#checkAt) return this.#config;
    this.#checkAt = now + CHECK_INTERVAL_MS;
    try {
      const { ino, size, mtimeMs } = statSync(this.#file);
      const stamp = `${ino} ${size} ${mtimeMs}`;
      if (stamp === this.#stamp) return this.#config;
      this.#config = parseResolverConfig(readFileSync(this.#file, 'utf8'));
      this.#stamp = stamp;
    } catch {
      // It is being replaced, or is not there at all: what is known holds.
    }
    return this.#config;
  }
}
