/**
 * The file system as the command sees it, as arguments of bubblewrap.
 *
 * Mounts are made in this order, and a later one covers an earlier:
 *
 *   1. the host's, writable but for /etc; or (`readOnly`) read-only but for the
 *      working directory; /dev stays as it is
 *   2. /proc of the sandbox's own pids
 *   3. name service daemons hidden, and what `isolate` hides (hidden.ts)
 *   4. private home and /tmp
 *   5. the working directory, where 3 or 4 has taken it away, and in it 3 and 4
 *      once more
 *   6. what the user asked for by path, in the user's order
 *   7. what must never be seen, wherever it is bound (`hidden`: credentials,
 *      sockets of our own; the host's processes in a /proc elsewhere, by which
 *      their files and memory can be reached; and its control groups and kernel
 *      settings in a /sys elsewhere, where they could be written)
 *
 * Nothing may be made on the host for it: bubblewrap makes a mount point that
 * is missing, on the host where that is what is bound there. So each target
 * must exist, or lie in a file system of the sandbox's own. Paths are resolved
 * on the host first: bubblewrap refuses targets that are links since 0.12.
 *
 * Something hidden is an empty directory, read-only, or a file that can't be
 * opened. The last step is to make these read-only, so that what was asked for
 * can be mounted in them (`--isolate --bind /run/user/1000/bus`).
 *
 * A socket can't be mounted over by bubblewrap before 0.5. So those that are to
 * be hidden, and show still when all else is made, are covered by kns-netns.
 */

import { isUtf8 } from 'node:buffer';
import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { SandboxError } from '../errors.ts';
import {
  expandPattern,
  HIDDEN_ALWAYS,
  HIDDEN_ISOLATED,
  PRIVATE_ISOLATED,
  RUN_LINKS,
  type Surroundings,
} from './hidden.ts';
import { OWN_FILES } from './etc.ts';
import { fits, isBelow, isWithin, type Kind, kindOnHost, type Layer, Layers } from './layers.ts';
import { otherProcs } from './other-procs.ts';

interface Bind {
  readonly kind: 'bind' | 'ro-bind';
  readonly source: string;
  readonly target: string;
}

/** One thing that the user asked for by path. */
export type Mount = Bind | { readonly kind: 'tmpfs' | 'hide'; readonly target: string };

export interface FileOptions {
  /** The host's file system is read-only, but for the working directory. */
  readonly readOnly?: boolean;
  readonly privateHome?: boolean;
  /** /tmp and /var/tmp are empty, and the command's own. */
  readonly privateTmp?: boolean;
  /** Hides what leads out of the sandbox without a packet, as far as it is known. */
  readonly isolate?: boolean;
  readonly mounts?: readonly Mount[];
  /** Paths that are hidden whatever else is asked for, where they exist. */
  readonly hidden?: readonly string[];
}

/** Where a working directory is left as it is: the first stays writable, the second is of the sandbox's own pids. */
const NOT_REOPENED = ['/dev', '/proc'];

/** /dev/null that can't be opened: a bind that is not for devices. */
const NO_FILE = '/dev/null';

export interface FileView {
  /** Of bubblewrap. */
  readonly args: string[];
  /** Sockets, pipes and devices to be covered when it has done its work. */
  readonly covered: string[];
  /** Whether a path leads to the host's file there. */
  readonly shows: (file: string) => boolean;
}

export function fileView(options: FileOptions, surroundings: Surroundings, ownProcesses: boolean): FileView {
  return new View(options, surroundings).build(ownProcesses);
}

/** The command's environment: with `isolate`, without the variables that lead to what is hidden. */
export function visibleEnvironment(
  options: FileOptions,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const gone = options.isolate ? HIDDEN_ISOLATED.flatMap(({ variables }) => variables) : [];
  return Object.fromEntries(Object.entries(env).filter(([name]) => !gone.includes(name)));
}

class View {
  readonly #options: FileOptions;
  readonly #args: string[] = [];
  readonly #layers = new Layers();
  /** Undefined where it is missing, or its name no text. */
  readonly #cwd: string | undefined;
  /** To one whose name is no text, the directory above it whose name is. */
  readonly #wayToCwd: string | undefined;
  /** Paths of the host's, as the table has them, and what is to be empty and the command's own. */
  readonly #hidden: readonly string[];
  readonly #private: readonly string[];
  /** Hidden directories, to be read-only in the end. */
  readonly #emptied: Layer[] = [];
  /** Hidden special files. */
  readonly #covers: Layer[] = [];

  constructor(options: FileOptions, surroundings: Surroundings) {
    this.#options = options;
    const cwd = Buffer.from(surroundings.cwd).toString();
    if (isUtf8(surroundings.cwd)) this.#cwd = resolved(cwd);
    else this.#wayToCwd = resolved(textAbove(cwd));
    this.#hidden = hiddenPaths(options, surroundings);
    this.#private = privateFolders(options, surroundings);
  }

  build(ownProcesses: boolean): FileView {
    const { isolate, mounts = [], hidden = [] } = this.#options;
    this.#hostFiles();
    if (ownProcesses) this.#args.push('--proc', '/proc');
    this.#conceal('/');
    if (isolate) this.#keepRunLinks();
    this.#refuseToMountNameless();
    this.#keepWorkingDirectory();
    for (const mount of mounts) this.#mount(mount);
    this.#hideEverywhere(hidden);
    if (ownProcesses) {
      this.#hideEverywhere(otherProcs());
      this.#hideCopies('/proc');
    }
    this.#hideCopies('/sys');
    const emptied = this.#shown(this.#emptied);
    return {
      args: [...this.#args, ...emptied.flatMap((target) => ['--remount-ro', target])],
      covered: this.#shown(this.#covers),
      shows: (file) => this.#layers.showsHost(resolved(file) ?? file),
    };
  }

  #shown(layers: readonly Layer[]): string[] {
    return layers.filter((layer) => this.#layers.shows(layer)).map(({ target }) => target);
  }

  #hostFiles(): void {
    if (this.#options.readOnly) {
      this.#args.push('--ro-bind', '/', '/');
      this.#openWorkingDirectory();
      this.#args.push('--dev-bind', '/dev', '/dev');
    } else {
      this.#args.push('--dev-bind', '/', '/');
      const etc = resolved('/etc');
      if (etc !== undefined) this.#args.push('--ro-bind', etc, etc);
    }
  }

  /** In a file system that is read-only. */
  #openWorkingDirectory(): void {
    const cwd = this.#cwd;
    // At the root it would be all of the host's; a directory that is missing is told by its name later.
    if (cwd === undefined || cwd === '/') return;
    if (!NOT_REOPENED.some((folder) => isWithin(cwd, folder))) this.#bind('bind', cwd, cwd);
  }

  /** What is hidden or private below a directory. */
  #conceal(folder: string): void {
    for (const target of this.#hidden) if (isBelow(target, folder)) this.#hide(target);
    for (const target of this.#private) {
      if (isBelow(target, folder) && this.#layers.kindOf(target) === 'directory') this.#tmpfs(target);
    }
  }

  #keepRunLinks(): void {
    for (const name of RUN_LINKS) {
      const link = linkText(`/run/${name}`);
      if (link !== undefined) this.#args.push('--symlink', link, `/run/${name}`);
    }
  }

  /** bubblewrap is told paths as text. */
  #refuseToMountNameless(): void {
    if (this.#wayToCwd === undefined) return;
    if (this.#options.readOnly || this.#layers.isOwn(this.#wayToCwd))
      throw invalid("the working directory's name is not UTF-8: it can't be kept by a mount", CWD_REMEDY);
  }

  /** One that is hidden or private itself is there, and empty. */
  #keepWorkingDirectory(): void {
    const cwd = this.#cwd;
    if (cwd === undefined || this.#layers.kindOf(cwd) !== undefined) return;
    if (this.#hidden.includes(cwd)) {
      this.#emptied.push(this.#tmpfs(cwd));
    } else if (this.#private.includes(cwd)) {
      this.#tmpfs(cwd);
    } else {
      this.#bind('bind', cwd, cwd);
      this.#conceal(cwd);
    }
  }

  #hideEverywhere(files: readonly string[]): void {
    for (const file of files) {
      const target = resolved(file);
      if (target === undefined) continue;
      for (const place of new Set([target, ...this.#layers.aliases(target)])) this.#hide(place);
    }
  }

  /** Where all of this directory of the host's shows again; what is at its own path is of the sandbox. */
  #hideCopies(folder: string): void {
    for (const place of this.#layers.aliases(folder)) {
      if (place !== folder && this.#layers.onHost(place) === folder) this.#hide(place);
    }
  }

  #hide(target: string): void {
    const kind = this.#layers.kindOf(target);
    if (kind === 'directory') {
      this.#emptied.push(this.#tmpfs(target));
    } else if (kind === 'file') {
      this.#args.push('--ro-bind', NO_FILE, target);
      this.#layers.add({ target, source: NO_FILE });
    } else if (kind === 'special') {
      const cover = { target, source: NO_FILE, late: true };
      this.#covers.push(cover);
      this.#layers.add(cover);
    }
  }

  #tmpfs(target: string): Layer {
    const layer = { target, source: undefined };
    this.#args.push('--tmpfs', target);
    this.#layers.add(layer);
    return layer;
  }

  #bind(kind: 'bind' | 'ro-bind', source: string, target: string): void {
    // A special file that is there, and whose cover this takes away, is not of a file system that could be read-only.
    const isThere = kindOnHost(source) === 'special' && this.#layers.onHost(target) === source;
    if (!isThere) this.#args.push(`--${kind}`, source, target);
    this.#layers.add({ target, source });
  }

  #mount(mount: Mount): void {
    const target = this.#target(mount.target);
    const there = this.#layers.kindOf(target);
    if ('source' in mount) {
      this.#bindAsked(mount, target, there);
    } else if (mount.kind === 'hide') {
      if (there === undefined) throw invalid(`--hide ${mount.target}: there is no such file or directory`);
      this.#hide(target);
    } else {
      if (there !== 'directory' && !this.#canMake(target, there))
        throw invalid(`--tmpfs ${mount.target}: there is no such directory`);
      this.#tmpfs(target);
    }
  }

  #bindAsked(mount: Bind, target: string, there: Kind | undefined): void {
    const source = resolved(mount.source);
    const kind = source === undefined ? undefined : kindOnHost(source);
    if (source === undefined || kind === undefined)
      throw invalid(`--${mount.kind} ${mount.source}: there is no such file or directory`);
    if (!fits(kind, there) && !this.#canMake(target, there))
      throw invalid(`--${mount.kind} ${mount.source}:${mount.target}: there is no ${kind} to mount it on`);
    this.#bind(mount.kind, source, target);
  }

  /** Whether bubblewrap can make a mount point, with nothing left on the host. */
  #canMake(target: string, there: Kind | undefined): boolean {
    return there === undefined && this.#layers.isOwn(target);
  }

  #target(text: string): string {
    if (!isAbsolute(text)) throw invalid(`${text}: a path in the sandbox has to be absolute`);
    if (OWN_FILES.some((name) => isSameEntry(text, `/etc/${name}`)))
      throw invalid(`${text}: this file is the sandbox's own`, NAMES_REMEDY);
    const target = resolvedAsFarAsThere(text);
    if (target === '/proc')
      throw invalid('/proc: this is of the sandbox itself', "--share-pid shows the host's processes");
    if (target === '/') throw invalid(`${text}: the root of the file system can't be mounted over`);
    return target;
  }
}

const EXISTING_REMEDY = 'name what exists on the host, or mount below a --tmpfs or a private directory';

/** There is no other way to these files: they follow the host's, and the cluster. */
const NAMES_REMEDY =
  "a Service gets a further name by --alias; the entries of the host's /etc/hosts and its resolvers count inside too";

const CWD_REMEDY =
  'rename it, or go elsewhere (cd), or leave out --ro, --private-home, --private-tmp, --isolate';

function invalid(message: string, remedy = EXISTING_REMEDY): SandboxError {
  return new SandboxError('MOUNT_INVALID', message, remedy);
}

/** Of the tables, those that exist. */
function hiddenPaths({ isolate }: FileOptions, surroundings: Surroundings): string[] {
  const rows = [...(isolate ? HIDDEN_ISOLATED : []), ...HIDDEN_ALWAYS];
  const files = rows.flatMap(({ paths }) => paths).flatMap((pattern) => expandPattern(pattern, surroundings));
  return existing(files).filter((file) => file !== '/');
}

function privateFolders(options: FileOptions, { home }: Surroundings): string[] {
  const { privateHome, privateTmp, isolate } = options;
  if (privateHome && resolved(home) === '/')
    throw invalid("HOME is /, which can't be private", 'set HOME to the directory that is to be private');
  return existing([
    ...(isolate ? PRIVATE_ISOLATED : []),
    ...(privateHome ? [home] : []),
    ...(privateTmp ? ['/tmp', '/var/tmp'] : []),
  ]);
}

/** Each once, without links. */
function existing(files: readonly string[]): string[] {
  return [...new Set(files.map(resolved).filter((file) => file !== undefined))];
}

/** Whether two paths name one entry of a directory, which may be a link. */
function isSameEntry(one: string, other: string): boolean {
  const [first, second] = [one, other].map((file) =>
    join(resolvedAsFarAsThere(dirname(file)), basename(file)),
  );
  return first === second;
}

/** Of a path that had to be made text, the directory above the first name that is none. */
function textAbove(file: string): string {
  return dirname(file.slice(0, file.indexOf('\uFFFD') + 1));
}

/** Without links; undefined where it does not exist, or can't be reached by the command either. */
function resolved(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

function resolvedAsFarAsThere(file: string): string {
  const there = resolved(file);
  return there ?? join(resolvedAsFarAsThere(dirname(file)), basename(file));
}

function linkText(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
