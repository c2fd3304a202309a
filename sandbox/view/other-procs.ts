/** Where a /proc of the host's is mounted beside /proc itself, for a chroot for instance: proc(5), mountinfo. */

import { readFileSync } from 'node:fs';

/** mountinfo writes blanks and backslashes as `\040`. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** The mount points of what is of type proc, in what mountinfo says. */
export function procMounts(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [mount = '', device = ''] = line.split(' - ');
    const target = mount.split(' ')[4];
    return device.startsWith('proc ') && target !== undefined ? [unescape(target)] : [];
  });
}

export function otherProcs(): string[] {
  const targets = procMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  return targets.filter((target) => target !== '/proc' && !target.startsWith('/proc/'));
}
