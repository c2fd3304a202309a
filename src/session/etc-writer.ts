/**
 * Writes the three files by which programs find names, and /etc/hosts again as names come and go.
 *
 * A rollout changes names many times a second, and a file of many names takes
 * its time: changes of a moment are written together, and what that costs is
 * kept to a share of the time.
 */

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseResolverConfig } from '../egress/index.ts';
import { monotonicMs } from '../monotonic.ts';
import { HostsFile } from '../names/etc/hosts.ts';
import { nsswitchConf } from '../names/etc/nsswitch.ts';
import { resolvConf } from '../names/etc/resolv-conf.ts';
import type { NameTable } from '../names/name-table.ts';
import { unhurried } from '../slices.ts';

/** Between two writes, at the least. */
const MIN_INTERVAL_MS = 50;
/** Between two writes, in multiples of what the last one took. */
const REST_FACTOR = 20;

/** The sandbox's own files; `write` replaces the whole text at once. */
interface EtcFiles {
  readonly hosts: { write(text: string): void };
  readonly resolvConf: { write(text: string): void };
  readonly nsswitchConf: { write(text: string): void };
}

export interface EtcOptions {
  readonly files: EtcFiles;
  readonly names: NameTable;
  readonly nameServer: string;
  readonly search: readonly string[];
}

export class EtcWriter {
  readonly #options: EtcOptions;
  readonly #hosts: HostsFile;
  #timer: NodeJS.Timeout | undefined;
  #text = '';
  #notBefore = 0;
  #closed = false;

  private constructor(options: EtcOptions, hosts: HostsFile) {
    this.#options = options;
    this.#hosts = hosts;
    this.#writeHosts();
  }

  /** Writes all three. */
  static start(options: EtcOptions): EtcWriter {
    const { files, nameServer, search } = options;
    const host = readEtc('resolv.conf');
    const { servers, timeoutMs } = parseResolverConfig(host);
    const roundMs = servers.length * timeoutMs;
    files.resolvConf.write(resolvConf({ nameServer, search, roundMs, host }));
    files.nsswitchConf.write(nsswitchConf(readEtc('nsswitch.conf')));
    return new EtcWriter(options, new HostsFile(readEtc('hosts'), hostname()));
  }

  /** The names have changed: the file follows soon. */
  namesChanged(): void {
    if (this.#timer !== undefined || this.#closed) return;
    const wait = Math.max(0, this.#notBefore - monotonicMs());
    this.#timer = setTimeout(() => unhurried(() => this.#rewrite()), wait);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #rewrite(): void {
    this.#timer = undefined;
    if (!this.#closed) this.#writeHosts();
  }

  #writeHosts(): void {
    const start = monotonicMs();
    const text = this.#hosts.text(this.#options.names);
    if (text !== this.#text) this.#options.files.hosts.write(text);
    this.#text = text;
    const end = monotonicMs();
    this.#notBefore = end + Math.max(MIN_INTERVAL_MS, REST_FACTOR * (end - start));
  }
}

/** A file of the host's; one that it does not have counts as empty. */
function readEtc(name: string): string {
  try {
    return readFileSync(`/etc/${name}`, 'utf8');
  } catch {
    return '';
  }
}
