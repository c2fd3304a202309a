/** A command in a sandbox of its own: Linux namespaces by bubblewrap, one tun device, and the files of /etc that name things. */

export { type CallerState, readCallerState } from './caller.ts';
export { SandboxError } from './errors.ts';
export type { InsideAddress } from './inside.ts';
export { launch, type Sandbox } from './launch.ts';
export type { LinkAddress, LinkOptions } from './link.ts';
export { type SignalWatch, watchSignals } from './signals.ts';
export type { TunDevice } from './tun.ts';
