/** What the tests and the program that they run as an ordinary user say to each other. */

import type { JoinOptions, LaunchOptions, LinkKind } from '../../../sandbox/index.ts';

/** Which of a sandbox's processes meets this signal, and after which step. */
export interface Fault {
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  readonly stage: Parameters<NonNullable<LaunchOptions['onStage']>>[0];
  readonly victim: 'host' | 'guard' | 'bubblewrap' | 'init' | 'helper';
}

/** Options of a launch that JSON can hold. */
export type Launched = Omit<LaunchOptions, 'caller' | 'abort' | 'onStage'>;

export interface HostRequest {
  readonly options: Launched;
  /** Launch and close so often, and nothing else. */
  readonly cycles?: number;
  /** Pass signals on to the command. */
  readonly passSignals?: boolean;
  readonly fault?: Fault;
}

export type HostReport =
  | { readonly kind: 'launched'; readonly notes: string[]; readonly link: LinkKind }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly remedy: string }
  | { readonly kind: 'frame'; readonly length: number; readonly head: string }
  | { readonly kind: 'sent'; readonly taken: boolean }
  | { readonly kind: 'cycled'; readonly first: number; readonly last: number }
  /** How many processes have met the signal of the request. */
  | { readonly kind: 'struck'; readonly count: number }
  | { readonly kind: 'exited'; readonly code: number }
  /** A command that has joined, and its end. */
  | { readonly kind: 'joined'; readonly id: number }
  | { readonly kind: 'left'; readonly id: number; readonly code: number };

export type HostTask =
  | { readonly kind: 'start' }
  | { readonly kind: 'signal'; readonly signo: number }
  | { readonly kind: 'write'; readonly file: 'hosts' | 'resolvConf' | 'nsswitchConf'; readonly text: string }
  | { readonly kind: 'send'; readonly frame: string }
  | { readonly kind: 'join'; readonly id: number; readonly options: JoinedOptions }
  /** Lets a joined command run; ends one. */
  | { readonly kind: 'go' | 'leave'; readonly id: number }
  | { readonly kind: 'close' };

/** Of a command that joins the sandbox. */
export type JoinedOptions = Pick<JoinOptions, 'command' | 'cwd' | 'env' | 'netAdmin'>;
