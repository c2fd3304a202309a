/**
 * The files of root's that ssh(1) would refuse in the sandbox. It reads its
 * user's configuration, and whatever an Include brings in, from files of root
 * and of the user alone (ssh_config(5)), and in a user namespace in which root
 * has no id, root's belong to nobody: "Bad owner or permissions". Distributions
 * have such a file in /etc/ssh/ssh_config.d, NixOS has the user's own.
 *
 * What stands in a Host or Match that is about another host is opened all the
 * same, by ssh as by us. Includes that ssh would expand `%` or `${}` in are
 * passed over.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isWritableByOthers, statOf } from '../file-status.ts';

const SYSTEM_FOLDER = '/etc/ssh';
/** Not checked themselves. openSUSE has the second. */
const SYSTEM_FILES = [`${SYSTEM_FOLDER}/ssh_config`, '/usr/etc/ssh/ssh_config'];

/** As deep as ssh itself reads (READCONF_MAX_DEPTH). */
const MAX_DEPTH = 16;

/** @param home of the command's */
export function refusedSshFiles(home: string): string[] {
  const user = new Includes(join(home, '.ssh'), home);
  user.check(join(home, '.ssh/config'), 0);
  const system = new Includes(SYSTEM_FOLDER);
  for (const file of SYSTEM_FILES) system.follow(file, 0);
  return [...new Set([...user.refused, ...system.refused])];
}

class Includes {
  readonly refused: string[] = [];
  readonly #folder: string;
  readonly #home: string | undefined;
  readonly #checked = new Set<string>();

  /** @param folder of relative paths @param home which `~` is */
  constructor(folder: string, home?: string) {
    this.#folder = folder;
    this.#home = home;
  }

  check(file: string, depth: number): void {
    if (depth > MAX_DEPTH || this.#checked.has(file)) return;
    this.#checked.add(file);
    const stats = statOf(file);
    if (!stats?.isFile()) return;
    if (stats.uid === 0 && !isWritableByOthers(stats)) this.refused.push(file);
    this.follow(file, depth);
  }

  follow(file: string, depth: number): void {
    for (const pattern of includesOf(file))
      for (const included of expand(this.#absolute(pattern))) this.check(included, depth + 1);
  }

  #absolute(pattern: string): string {
    if (this.#home !== undefined && pattern.startsWith('~/')) return join(this.#home, pattern.slice(2));
    return pattern.startsWith('/') ? pattern : join(this.#folder, pattern);
  }
}

/** The words behind each Include. */
function includesOf(file: string): string[] {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const lines = text.matchAll(/^[ \t]*include(?:[ \t]*=[ \t]*|[ \t]+)(.*)$/gim);
  return [...lines].flatMap(([, words = '']) =>
    [...words.matchAll(/"([^"]*)"|([^\s"#]+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? ''),
  );
}

/** glob(3), as far as configurations use it. */
function expand(pattern: string): string[] {
  if (!/[*?[]/.test(pattern)) return [pattern];
  const folder = dirname(pattern);
  const name = namePattern(pattern.slice(folder.length).replace(/^\/+/, ''));
  return expand(folder).flatMap((found) =>
    namesIn(found)
      .filter((entry) => name.test(entry))
      .map((entry) => join(found, entry)),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A dot in front is matched by a dot alone. */
function namePattern(glob: string): RegExp {
  const source = glob
    .replaceAll(/[\\^$.|+(){}]/g, String.raw`\$&`)
    .replaceAll('[!', '[^')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  try {
    return new RegExp(`^(?!\\.)${source}$`, 's');
  } catch {
    // A bracket that is not closed is no pattern.
    return /^\b$/;
  }
}
