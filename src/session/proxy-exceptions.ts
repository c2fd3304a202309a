/**
 * Keeps an HTTP proxy of the user's from swallowing `http://web/`.
 *
 * Where the environment names a proxy, HTTP clients send it all that $NO_PROXY
 * does not except. What is in the sandbox has to be among the exceptions, in
 * forms that every reader of that variable understands. They differ:
 *
 *                          curl, Go, urllib   requests        Node, wget
 *     web                  it, and below it   ends with it    it alone
 *     .svc                 below it           below it        below it
 *     10.0.1.0/24          yes                IPv4            no
 *
 * So each Service is named in its short forms, `web` and `web.shop`, and the
 * long ones by their common endings. A namespace is no ending here: many are
 * called as top-level domains are (`dev`, `app`, `shop`), and all of those
 * would go past the proxy. Names are matched as they are written in a URL;
 * the ranges are for those that write an address.
 *
 * Which of the two spellings wins differs as well, so both are set.
 */

import type { ServiceRecord } from '../cluster/index.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy'];

/**
 * Longest list of names, in bytes. execve(2) takes no variable of more than
 * 128 KiB, and every client reads the list again for each request.
 */
const MAX_NAMES_BYTES = 32 * 1024;

export interface ProxyExceptions {
  readonly services: readonly Pick<ServiceRecord, 'name' | 'namespace' | 'headless'>[];
  /** Endings that all long names have, without a dot in front: `svc`, `cluster.local`. */
  readonly domains: readonly string[];
  /** Names and addresses that are to be reached besides: aliases, the API server. */
  readonly hosts: readonly string[];
  readonly ranges: readonly string[];
}

/** Whether the environment sends HTTP requests to a proxy. */
export function namesProxy(env: Environment): boolean {
  return PROXY_VARIABLES.some((name) => Boolean(env[name] || env[name.toUpperCase()]));
}

/** The environment with the exceptions in it, after the user's own. */
export function exceptFromProxy(env: Environment, exceptions: ProxyExceptions): Environment {
  const { no_proxy: lower, NO_PROXY: upper } = env;
  const ours = exceptionList(exceptions);
  const extended = (own: string | undefined): string => {
    const theirs = (own ?? '').trim();
    if (theirs === '*') return theirs; // nothing goes through the proxy anyway
    return [...(theirs === '' ? [] : [theirs]), ...ours].join(',');
  };
  return { ...env, no_proxy: extended(lower ?? upper), NO_PROXY: extended(upper ?? lower) };
}

function exceptionList({ services, domains, hosts, ranges }: ProxyExceptions): Set<string> {
  const list = new Set([...domains.map((domain) => `.${domain}`), ...ranges, ...hosts]);
  let room = MAX_NAMES_BYTES;
  for (const { name, namespace, headless } of services) {
    const qualified = `${name}.${namespace}`;
    // The pods of a headless Service are below its name.
    for (const form of headless ? [name, qualified, `.${name}`, `.${qualified}`] : [name, qualified]) {
      room -= form.length + 1;
      if (room >= 0) list.add(form);
    }
  }
  return list;
}
