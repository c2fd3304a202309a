/**
 * What a runtime's error text says about whether the pod was connected.
 *
 * The texts are those of containerd and CRI-O (Go's `net.OpError`: "dial tcp4
 * 127.0.0.1:80: connect: connection refused", "read tcp4 …: read: connection
 * reset by peer") and of socat under dockershim and old CRI-O. They decide
 * whether bytes already written may be told to another pod.
 */
export type ErrorMeaning =
  /** Nobody took the connection: nothing that was written has been read. */
  | 'not-connected'
  /** As before, and nobody ever will: the upgraded connection leads to a sandbox that is no more. */
  | 'sandbox-gone'
  /** The pod took the connection and it broke later. */
  | 'broken'
  | 'unknown';

const BROKEN =
  /reset by peer|broken pipe|\b(read|write|writeto|readfrom|splice) (tcp|unix)|the server has reset the stream/i;
const SANDBOX_GONE =
  /(failed|unable|could not|not) (to )?find sandbox|network namespace\b.* is closed|not running/i;
const NOT_CONNECTED =
  /connection refused|\bdial (tcp|udp)|failed to (dial|connect)|not found|no such|unable to find|no route to host|network is unreachable/i;

export function meaningOf(errorText: string): ErrorMeaning {
  if (BROKEN.test(errorText)) return 'broken';
  if (SANDBOX_GONE.test(errorText)) return 'sandbox-gone';
  if (NOT_CONNECTED.test(errorText)) return 'not-connected';
  return 'unknown';
}

/** The runtime's wrapping around what has happened: ids and paths that mean nothing to a user. */
const WRAPPING = [
  /^error forwarding port \d+ to pod \S+, uid [^:]*: /,
  /failed to execute portforward in network namespace "[^"]*": /,
  / inside namespace "[^"]*"/,
];

/** The text without the runtime's wrapping. */
export function gistOf(errorText: string): string {
  return WRAPPING.reduce((text, wrapping) => text.replace(wrapping, ''), errorText);
}
