/** A command in a sandbox of its own: Linux namespaces by bubblewrap, one tun device, and the files of /etc that name things. */

export { type CallerState, readCallerState } from './caller.ts';
export { SandboxError, type SandboxErrorCode } from './errors.ts';
export type { SandboxFile, SandboxFiles } from './files.ts';
export type { LinkOptions } from './helper.ts';
export { launch, type LaunchOptions, type Sandbox } from './launch.ts';
export { type ReceivedSignal, type SignalWatch, watchSignals } from './signals.ts';
export type { BatchHandler, TunDevice } from './tun.ts';
