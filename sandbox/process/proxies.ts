/**
 * Proxies in the environment that are on the caller's own loopback: inside,
 * that is the sandbox's, where nobody listens. Said once, for the errors of the
 * programs that meet it name neither.
 */

const VARIABLE = /^(http|https|all|ftp)_proxy$/i;

/** The host of `http://user:password@127.0.0.1:3128` and of its forms without the scheme. */
function hostOf(proxy: string): string | undefined {
  const text = proxy.includes('://') ? proxy : `http://${proxy}`;
  return URL.canParse(text) ? new URL(text).hostname : undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

export function proxyNotes(env: Readonly<Record<string, string | undefined>>): string[] {
  const names = Object.keys(env).filter((name) => {
    const host = VARIABLE.test(name) ? hostOf(env[name] ?? '') : undefined;
    return host !== undefined && isLoopback(host);
  });
  if (names.length === 0) return [];
  return [`${names.sort().join(', ')}: a proxy on this host's loopback, which the command can't reach`];
}
