/** The native parts: those of the release, or built here at the first use. */

import { dirname } from 'node:path';
import { loadNative } from '../../../sandbox/index.ts';
import { type Check, ok } from '../check.ts';
import type { HostContext } from './context.ts';

export const native: Check<HostContext> = {
  id: 'native',
  title: 'native parts',
  needs: [],
  // A build may take as long as the launcher lets it.
  timeoutMs: 130_000,
  async run() {
    const { addon, origin } = await loadNative();
    const folder = dirname(addon);
    const how = origin === 'prebuilt' ? 'of the release' : 'built on this machine';
    return ok(`loaded, ${how} (${folder})`, { facts: { folder, origin } });
  },
};
