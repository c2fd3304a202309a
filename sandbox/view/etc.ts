/**
 * The three files of /etc that are ours inside a sandbox, and one beside them
 * that is there once it is written.
 *
 * They lie in a directory of the sandbox's own tmpfs, which the host reaches
 * through an open fd alone (native/netns/mounts/etc.c). A new text is written beside
 * the old one and renamed over it: whoever reads gets the one or the other
 * whole, and glibc notices the change by the file's inode.
 */

import { closeSync, renameSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/** No program looks there by itself: the environment leads to it. */
export const KUBECONFIG_FILE = '/etc/kns-rootless.kubeconfig';

export interface SandboxFile {
  /** Replaces the whole text; visible inside when the call returns. Nothing happens once the sandbox is closed. */
  write(text: string): void;
}

export interface SandboxFiles {
  readonly hosts: SandboxFile;
  readonly resolvConf: SandboxFile;
  readonly nsswitchConf: SandboxFile;
  readonly kubeconfig: SandboxFile;
}

/** What they are called in /etc. */
export const OWN_FILES = ['hosts', 'resolv.conf', 'nsswitch.conf'] as const;

export class EtcDirectory implements SandboxFiles {
  #fd: number | undefined;
  readonly hosts: SandboxFile;
  readonly resolvConf: SandboxFile;
  readonly nsswitchConf: SandboxFile;
  readonly kubeconfig: SandboxFile;

  /** Takes over the fd. */
  constructor(fd: number) {
    this.#fd = fd;
    this.hosts = this.#file('hosts');
    this.resolvConf = this.#file('resolv.conf');
    this.nsswitchConf = this.#file('nsswitch.conf');
    this.kubeconfig = this.#file(basename(KUBECONFIG_FILE), 0o600);
  }

  #file(name: string, mode = 0o644): SandboxFile {
    return {
      write: (text) => {
        if (this.#fd === undefined) return;
        // The link leads to the directory itself, in whichever mount namespace it is (proc(5)).
        const directory = `/proc/self/fd/${this.#fd}`;
        writeFileSync(`${directory}/.${name}.new`, text, { mode });
        renameSync(`${directory}/.${name}.new`, `${directory}/${name}`);
      },
    };
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
