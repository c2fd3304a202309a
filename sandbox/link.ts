/**
 * The interface kns0 of the sandbox: which of two kinds it is, and why it could
 * not be made. A tun device is the faster, and needs /dev/net/tun; a veth pair
 * needs nothing but the kernel's driver, and takes its place where that is
 * missing or not permitted.
 */

import { constants } from 'node:os';
import { SandboxError } from './errors.ts';
import { explainRefusal, HelperRefused, type NetnsHelper } from './helper.ts';

/** One family's part of the interface: its own address, with everything else behind the gateway. */
export interface LinkAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

export type LinkKind = 'tun' | 'veth';

export interface LinkOptions extends LinkAddress {
  /** Where the kernel has no IPv6 the sandbox has none, and a note says so. Its least MTU is 1,280 (RFC 8200, 5). */
  readonly ipv6?: LinkAddress;
  readonly mtu: number;
  /** `auto`, the default, is a tun device where one can be had, and a note says so where not. */
  readonly kind?: LinkKind | 'auto';
  /** False has every packet complete, and none larger than the MTU. Default: true. */
  readonly offload?: boolean;
}

/** What came of it. */
export interface Link {
  readonly fd: number;
  readonly kind: LinkKind;
  readonly mtu: number;
  /** What the two sides leave to each other: checksums and TCP segmentation, that of UDP as well. */
  readonly offload: 'none' | 'tcp' | 'tcp+udp';
}

const OPEN_TUN = 'open /dev/net/tun';
const TUN_CALLS = new Set([OPEN_TUN, 'ioctl TUNSETIFF', 'ioctl TUNSETVNETHDRSZ']);
const LOAD_TUN =
  'load the driver as root: modprobe tun (in a container: start it with --device /dev/net/tun)';

/** What to do about each step to a veth pair that a system may lack or forbid. */
const VETH_REMEDIES: ReadonlyMap<string, string> = new Map([
  ['unshare net', 'allow more network namespaces, as root: sysctl -w user.max_net_namespaces=10000'],
  ['RTM_NEWLINK veth', 'load the driver as root: modprobe veth'],
  ['socket AF_PACKET', 'load the driver as root: modprobe af_packet'],
]);

function explainTun(error: HelperRefused): SandboxError | undefined {
  if (error.call !== OPEN_TUN) return undefined;
  const { EACCES, EPERM, ENOENT, ENODEV, ENXIO } = constants.errno;
  switch (error.errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return new SandboxError('TUN_MISSING', 'there is no /dev/net/tun', LOAD_TUN);
    case EACCES:
    case EPERM:
      return new SandboxError(
        'TUN_DENIED',
        '/dev/net/tun may not be opened by this user',
        'let every user open it, as distributions do; as root: chmod 0666 /dev/net/tun',
      );
    default:
      return undefined;
  }
}

function explainVeth(error: HelperRefused): SandboxError | undefined {
  const remedy = VETH_REMEDIES.get(error.call);
  if (remedy === undefined) return undefined;
  return new SandboxError('VETH_FAILED', `no veth pair can be made (${error.message})`, remedy);
}

function explain(error: unknown): unknown {
  if (!(error instanceof HelperRefused)) return error;
  return explainTun(error) ?? explainVeth(error) ?? explainRefusal(error);
}

function requestOf(kind: LinkKind, pid: number, { mtu, offload, ipv6, ...ipv4 }: LinkOptions): string {
  const addresses = (ipv6 === undefined ? [ipv4] : [ipv4, ipv6]).map(
    ({ address, prefixLength, gateway }) => `${address}/${prefixLength} ${gateway}`,
  );
  return ['link', pid, kind, (offload ?? true) ? 'offload' : 'plain', mtu, ...addresses].join(' ');
}

function isOffload(text: string | undefined): text is Link['offload'] {
  return text === 'none' || text === 'tcp' || text === 'tcp+udp';
}

/** Makes the interface in the namespaces of `pid`. @throws SandboxError where it cannot be had */
export async function makeLink(
  helper: NetnsHelper,
  pid: number,
  options: LinkOptions,
  signal: AbortSignal,
): Promise<Link> {
  const make = async (kind: LinkKind): Promise<Link> => {
    const { fd, facts } = await helper.request(requestOf(kind, pid, options), signal);
    const offload = facts.get('offload');
    if (!isOffload(offload)) throw new Error(`kns-netns named no offload but ${offload}`);
    return { fd, kind, mtu: options.mtu, offload };
  };
  const { kind = 'auto' } = options;
  try {
    return kind === 'auto' ? await makeAny(make, helper.notes) : await make(kind);
  } catch (error) {
    throw explain(error);
  }
}

async function makeAny(make: (kind: LinkKind) => Promise<Link>, notes: string[]): Promise<Link> {
  try {
    return await make('tun');
  } catch (tun) {
    if (!(tun instanceof HelperRefused) || !TUN_CALLS.has(tun.call)) throw tun;
    const link = await make('veth').catch((veth: unknown) => {
      throw veth instanceof HelperRefused ? impossible(tun, veth) : veth;
    });
    notes.push(`kns0 is a veth pair, since there is no tun device: ${tun.message}`);
    return link;
  }
}

function impossible(tun: HelperRefused, veth: HelperRefused): SandboxError {
  return new SandboxError(
    'LINK_IMPOSSIBLE',
    `neither a tun device nor a veth pair can be had (${tun.message}; ${veth.message})`,
    explainTun(tun)?.remedy ?? LOAD_TUN,
  );
}
