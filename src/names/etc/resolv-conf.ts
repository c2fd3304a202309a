/**
 * The text of /etc/resolv.conf (resolv.conf(5)), as a pod has it.
 *
 *     nameserver 10.0.1.1
 *     search shop.svc.cluster.local svc.cluster.local cluster.local corp.example
 *     options ndots:5 edns0
 *
 * The search list is that of a pod in the first namespace, then the host's own.
 * With `ndots:5` a name of fewer dots is looked up along that list first, so
 * that `_http._tcp.web` is found as it is in a pod. This makes several
 * questions of one; those within the cluster's domain are answered here and at
 * once, which costs less than a millisecond together. The host's other options
 * stay, but for the time that an answer is waited for: behind the one name
 * server here are all of the host's, in turn.
 */

/** What glibc before 2.26 reads of a search list, and about what musl does. */
const MAX_SEARCH_DOMAINS = 6;
const MAX_SEARCH_CHARACTERS = 256;
const NDOTS = 5;
/** What every C library waits for an answer where no option says otherwise, and the most that glibc does. */
const DEFAULT_TIMEOUT_S = 5;
const MAX_TIMEOUT_S = 30;

export interface ResolvConf {
  readonly nameServer: string;
  /** Of the cluster, in the order in which they are tried. */
  readonly search: readonly string[];
  /** In which the name server has asked each of the host's once, if it has to. */
  readonly roundMs: number;
  /** The host's own file, or nothing where it has none. */
  readonly host: string;
}

export function resolvConf({ nameServer, search, roundMs, host }: ResolvConf): string {
  const lines = host.split('\n').map((line) => line.trim().split(/\s+/));
  // Of several the last one counts, and `domain` is a search list of one.
  const hostSearch = lines.findLast(([keyword]) => keyword === 'search' || keyword === 'domain') ?? [];
  const options = lines
    .filter(([keyword]) => keyword === 'options')
    .flatMap((line) => line.slice(1))
    .filter((option) => !/^(?:ndots|timeout):/.test(option));
  const timeoutS = Math.min(Math.ceil(roundMs / 1000), MAX_TIMEOUT_S);
  if (timeoutS !== DEFAULT_TIMEOUT_S) options.push(`timeout:${timeoutS}`);
  const kept = lines.filter(([keyword]) => keyword === 'sortlist').map((line) => line.join(' '));
  return [
    `nameserver ${nameServer}`,
    `search ${searchList([...search, ...hostSearch.slice(1)]).join(' ')}`,
    ['options', `ndots:${NDOTS}`, ...options].join(' '),
    ...kept,
    '',
  ].join('\n');
}

/** As many domains as every C library reads; the cluster's stand first. */
function searchList(domains: readonly string[]): string[] {
  const list: string[] = [];
  let characters = 0;
  for (const domain of new Set(domains)) {
    characters += domain.length + 1;
    if (list.length === MAX_SEARCH_DOMAINS || characters > MAX_SEARCH_CHARACTERS) break;
    list.push(domain);
  }
  return list;
}

/** The search list of a pod. @param namespace its own, where there is one */
export function podSearchList(namespace: string | undefined, domain: string): string[] {
  const own = namespace === undefined ? [] : [`${namespace}.svc.${domain}`];
  return [...own, `svc.${domain}`, domain];
}
