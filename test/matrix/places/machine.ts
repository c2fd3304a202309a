/**
 * A machine of QEMU's with a release's kernel and user space in memory. It has
 * no disk and no network; what the cell prints comes out by its second serial
 * port, what the kernel says by the first. It is emulated, unless
 * KNS_MATRIX_ACCEL says `kvm`: where this is a virtual machine itself, KVM may
 * be there and yet not boot one.
 */

import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from '../cache.ts';
import { pack } from '../roots/archive.ts';
import { type Release, releaseRoot } from '../roots/releases.ts';
import { need, tool } from '../tool.ts';
import { writePayload } from './payload.ts';

const LIMIT_MS = 900_000;
const QEMU = 'qemu-system-x86_64';
const INIT = join(import.meta.dirname, 'init.sh');

export interface MachineOptions {
  readonly release: Release;
  /** What the cell runs, as root. */
  readonly script: string;
  /** Before that, what differs from the release as it comes. */
  readonly prepare?: string;
  /** For the kernel's command line. */
  readonly kernelWords?: string;
  /** Puts further files beside the payload. */
  readonly addTo?: (payload: string) => Promise<void>;
  readonly memoryMiB?: number;
}

/** @returns what the script printed, and then what the kernel said */
export async function runMachine(options: MachineOptions): Promise<string> {
  need(QEMU);
  const root = await releaseRoot(options.release);
  const base = await cached(`${root.name}.cpio`, (path) => pack(root.path, path));
  const folder = mkdtempSync(join(tmpdir(), 'kns-machine-'));
  try {
    const initrd = join(folder, 'initrd');
    copyFileSync(base, initrd);
    append(initrd, await packPayload(folder, options));
    const said = join(folder, 'kernel.log');
    const printed = join(folder, 'printed');
    await boot(join(root.path, 'kernel'), initrd, said, printed, options);
    return `${readFileSync(printed, 'utf8')}\n${readFileSync(said, 'utf8')}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function packPayload(folder: string, { script, prepare = '', addTo }: MachineOptions): Promise<string> {
  const payload = join(folder, 'root/matrix');
  mkdirSync(payload, { recursive: true });
  await writePayload(payload, process.execPath);
  copyFileSync(INIT, join(payload, 'init.sh'));
  chmodSync(join(payload, 'init.sh'), 0o755);
  writeFileSync(join(payload, 'prepare.sh'), `${prepare}\n`);
  writeFileSync(join(payload, 'cell.sh'), `${script}\n`);
  await addTo?.(payload);
  const archive = join(folder, 'payload.cpio');
  await pack(join(folder, 'root'), archive);
  return archive;
}

/** An archive behind another. */
function append(file: string, other: string): void {
  const fd = openSync(file, 'a');
  writeSync(fd, readFileSync(other));
  closeSync(fd);
}

async function boot(
  kernel: string,
  initrd: string,
  said: string,
  printed: string,
  { kernelWords = '', memoryMiB = 2048 }: MachineOptions,
): Promise<void> {
  // On a busy system an emulated timer may be late for the kernel's test of it.
  const words = `console=ttyS0 panic=-1 quiet no_timer_check rdinit=/matrix/init.sh ${kernelWords}`;
  const accelerator = process.env['KNS_MATRIX_ACCEL'] ?? 'tcg,thread=multi';
  const hardware = ['-accel', accelerator, '-cpu', 'max', '-smp', '2', '-m', String(memoryMiB)];
  const nothingElse = ['-nodefaults', '-no-user-config', '-nographic', '-no-reboot'];
  const ports = ['-serial', `file:${said}`, '-serial', `file:${printed}`];
  const system = ['-kernel', kernel, '-initrd', initrd, '-append', words];
  await tool(QEMU, [...hardware, ...nothingElse, ...ports, ...system], { limitMs: LIMIT_MS });
}
