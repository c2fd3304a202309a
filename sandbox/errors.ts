/** Why a sandbox could not be made; stable, for programs to compare. */
export type SandboxErrorCode =
  | 'BWRAP_MISSING'
  | 'BWRAP_FAILED'
  | 'BWRAP_SETUID'
  | 'USERNS_DENIED'
  | 'PROC_DENIED'
  | 'TUN_MISSING'
  | 'TUN_DENIED'
  | 'VETH_FAILED'
  | 'LINK_IMPOSSIBLE'
  | 'NETNS_FAILED'
  | 'LISTEN_FAILED'
  | 'SPAWN_FAILED'
  | 'CWD_MISSING'
  | 'MOUNT_INVALID'
  | 'FD_INVALID'
  | 'JOIN_FAILED'
  | 'OPEN_FILES_LIMIT'
  | 'SETUP_TIMEOUT'
  | 'NO_COMPILER'
  | 'BUILD_FAILED';

/** A failure that the user can act on: what happened in `message`, what to do in `remedy`, one line each. */
export class SandboxError extends Error {
  readonly code: SandboxErrorCode;
  readonly remedy: string;

  constructor(code: SandboxErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SandboxError';
    this.code = code;
    this.remedy = remedy;
  }
}
