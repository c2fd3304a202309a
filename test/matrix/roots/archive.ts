/** An archive that a kernel unpacks into its first root: cpio, "newc" (the kernel's initramfs-buffer-format). */

import { need, tool } from '../tool.ts';

const LIMIT_MS = 120_000;

/** All of a folder; several such archives may stand one behind the other. */
export async function pack(folder: string, archive: string): Promise<void> {
  need('cpio');
  const script = 'find . -xdev -print0 | cpio --null --create --format=newc --quiet >"$1"';
  await tool('sh', ['-c', script, 'sh', archive], { cwd: folder, limitMs: LIMIT_MS });
}
