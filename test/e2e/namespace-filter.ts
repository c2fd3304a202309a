/**
 * A seccomp filter that denies user namespaces as those of containers do: unshare(2)
 * and clone(2) of them are EPERM, and clone3(2), whose flags no filter sees, ENOSYS.
 *
 * It is what bubblewrap's --seccomp reads: classic BPF, 8 bytes an instruction
 * (struct sock_filter of <linux/filter.h>).
 */

import { endianness } from 'node:os';

const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const ANY_BIT = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

const ALLOW = 0x7fff0000; // SECCOMP_RET_ALLOW
const ERRNO = 0x00050000; // SECCOMP_RET_ERRNO
const EPERM = 1;
const ENOSYS = 38;
const CLONE_NEWUSER = 0x10000000;

/** Where struct seccomp_data has the number, and the lower half of the first argument. */
const NUMBER = 0;
const FIRST_ARGUMENT = 16 + (endianness() === 'BE' ? 4 : 0);

/** Of system calls; those that 64-bit architectures share are the same but on x86-64. */
const CALLS =
  process.arch === 'x64'
    ? { clone: 56, unshare: 272, clone3: 435 }
    : { clone: 220, unshare: 97, clone3: 435 };

type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, k: number];

export function namespaceFilter(): Uint8Array {
  const program: Instruction[] = [
    [LOAD, 0, 0, NUMBER],
    [EQUAL, 0, 1, CALLS.clone3],
    [RETURN, 0, 0, ERRNO | ENOSYS],
    [EQUAL, 1, 0, CALLS.clone],
    [EQUAL, 0, 3, CALLS.unshare],
    [LOAD, 0, 0, FIRST_ARGUMENT],
    [ANY_BIT, 0, 1, CLONE_NEWUSER],
    [RETURN, 0, 0, ERRNO | EPERM],
    [RETURN, 0, 0, ALLOW],
  ];
  const bytes = Buffer.alloc(program.length * 8);
  const isLittle = endianness() === 'LE';
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (const [i, [code, whenTrue, whenFalse, k]] of program.entries()) {
    view.setUint16(8 * i, code, isLittle);
    view.setUint8(8 * i + 2, whenTrue);
    view.setUint8(8 * i + 3, whenFalse);
    view.setUint32(8 * i + 4, k, isLittle);
  }
  return bytes;
}
