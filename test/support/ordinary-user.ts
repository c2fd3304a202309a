/**
 * Who the program runs as in tests: an ordinary user, whoever runs the tests.
 * Root makes one for it, and opens /dev/net/tun to everyone as distributions
 * do; anyone else is one.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';

const NAME = 'kns-test';
const TUN = '/dev/net/tun';

export interface OrdinaryUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** The user, made where need be. Cheap to call again. */
export function ordinaryUser(): OrdinaryUser {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return { uid, gid: process.getgid?.() ?? uid, name: userName(uid) };
  if (find((fields) => fields[0] === NAME) === undefined)
    execFileSync('useradd', ['--create-home', '--shell', '/bin/sh', NAME]);
  if (existsSync(TUN)) chmodSync(TUN, 0o666);
  const fields = find((each) => each[0] === NAME);
  if (fields === undefined) throw new Error(`useradd ${NAME} made no such user`);
  return { uid: Number(fields[2]), gid: Number(fields[3]), name: NAME };
}

function userName(uid: number): string {
  return find((fields) => fields[2] === String(uid))?.[0] ?? String(uid);
}

function find(matches: (fields: string[]) => boolean): string[] | undefined {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(matches);
}
