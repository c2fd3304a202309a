/** A command in a sandbox of its own: Linux namespaces by bubblewrap, one network interface, and the files of /etc that name things. */

export { type CallerState, readCallerState, UNKNOWN_CALLER } from './process/caller.ts';
export { explainBwrap, findBwrap } from './bwrap.ts';
export { containerKind, containerRemedy } from './container.ts';
export { appArmorProfile, userNamespaceDenial } from './denial.ts';
export {
  type DatagramFailure,
  type Datagrams,
  type DatagramSocket,
  openDatagramSockets,
  type OpenDatagramSocket,
} from './datagram.ts';
export { SandboxError } from './errors.ts';
export type { LinkDevice } from './device.ts';
export { connectDatagrams, datagramSocketFor } from './inside/connect.ts';
export { join, type JoinOptions } from './join/join.ts';
export { borrowNamespaces, type Namespaces } from './join/namespaces.ts';
export { launch, type LaunchOptions, visibleFiles } from './launch.ts';
export type { LinkKind, LinkOptions } from './link.ts';
export { loadNative } from './native/addon.ts';
export type { PrivilegeOptions } from './process/privilege.ts';
export type { RunningCommand } from './process/command.ts';
export type { CommandEnd } from './process/guard.ts';
export { hostPorts, type OpenPort, type OpenPorts, type PortProtocol } from './ports.ts';
export { isWritableByOthers } from './file-status.ts';
export { absolutePath, explainLimit, orAborted } from './process/setup.ts';
export { callerFiles, closeCallerFiles } from './process/inherited-fds.ts';
export { lockFile } from './process/lock.ts';
export { type Peer, peerOf } from './process/peer.ts';
export { PASSED_SIGNALS, type SignalWatch, watchSignals } from './process/signals.ts';
export type { Sandbox } from './running.ts';
export {
  openSocketStates,
  openStreamSockets,
  type SocketStates,
  StreamSockets,
  type StreamSocket,
  type StreamSocketEvents,
  systemError,
  wouldBlock,
} from './stream.ts';
export { KUBECONFIG_FILE } from './view/etc.ts';
export { type FileOptions, type Mount, visibleEnvironment } from './view/files.ts';
