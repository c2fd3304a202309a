/** What the tests and the program that they run as an ordinary user say to each other. */

import type { LinkKind, LinkOptions } from '../../../sandbox/index.ts';

export interface HostRequest {
  readonly options: {
    readonly command: readonly string[];
    readonly cwd?: string;
    readonly env?: Record<string, string>;
    readonly link: LinkOptions;
  };
  /** Launch and close so often, and nothing else. */
  readonly cycles?: number;
}

export type HostReport =
  | { readonly kind: 'launched'; readonly notes: string[]; readonly link: LinkKind }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly remedy: string }
  | { readonly kind: 'frame'; readonly length: number; readonly head: string }
  | { readonly kind: 'sent'; readonly taken: boolean }
  | { readonly kind: 'cycled'; readonly first: number; readonly last: number }
  | { readonly kind: 'exited'; readonly code: number };

export type HostTask =
  | { readonly kind: 'start' }
  | { readonly kind: 'signal'; readonly signo: number }
  | { readonly kind: 'write'; readonly file: 'hosts' | 'resolvConf' | 'nsswitchConf'; readonly text: string }
  | { readonly kind: 'send'; readonly frame: string }
  | { readonly kind: 'close' };
