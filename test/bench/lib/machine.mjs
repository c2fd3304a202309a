/** What a figure was measured on, without which it says nothing. */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';

const DISTRIBUTION = /^PRETTY_NAME="?([^"\n]*)/m;

export function machine() {
  const [{ model }] = cpus();
  const system = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return {
    date: new Date().toISOString().slice(0, 16),
    cpus: `${cpus().length} x ${model.trim()}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    system: DISTRIBUTION.exec(system)?.[1] ?? 'unknown',
    node: process.version,
    load: loadavg().map((value) => Number(value.toFixed(2))),
  };
}

export function machineLine({ date, cpus, memoryGiB, kernel, system, node, load }) {
  return `${date}Z, ${cpus}, ${memoryGiB} GiB, Linux ${kernel}, ${system}, Node ${node}, load ${load.join(' ')}`;
}

/** @returns whether there is such a program in PATH */
export function hasProgram(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/** The first line of what a program says of its version, on either output. */
export function versionOf(name, ...args) {
  try {
    const text = execFileSync('/bin/sh', [
      '-c',
      '"$@" 2>&1',
      'sh',
      name,
      ...(args.length ? args : ['--version']),
    ]);
    return text.toString().split('\n')[0].trim();
  } catch {
    return 'unknown version';
  }
}

/** The package that a program came in says more than some programs do. */
export function packageVersion(name) {
  try {
    return `${name} ${execFileSync('dpkg-query', ['-W', '-f', '${Version}', name], { stdio: ['ignore', 'pipe', 'ignore'] })}`;
  } catch {
    return name;
  }
}
