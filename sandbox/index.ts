/** A command in a sandbox of its own: Linux namespaces by bubblewrap, one network interface, and the files of /etc that name things. */

export { type CallerState, readCallerState } from './process/caller.ts';
export {
  type DatagramEvents,
  type DatagramFailure,
  type Datagrams,
  type DatagramSocket,
  openDatagramSockets,
  type OpenDatagramSocket,
} from './datagram.ts';
export { SandboxError } from './errors.ts';
export type { LinkDevice } from './device.ts';
export type { InsideAddress } from './inside.ts';
export { launch, type LaunchOptions } from './launch.ts';
export type { LinkAddress, LinkKind, LinkOptions } from './link.ts';
export type { PrivilegeOptions } from './process/privilege.ts';
export { PASSED_SIGNALS, type SignalWatch, watchSignals } from './process/signals.ts';
export type { Sandbox } from './running.ts';
export type { FileOptions, Mount } from './view/files.ts';
