/**
 * RFC 3986: `127.0.0.1:80`, `[::1]:80`, `db.example:80`.
 *
 * Names have no colon. Not by isIPv6: the first use of its expression costs a start 5 ms.
 */
export function hostAndPort(host: string, port: number | string): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
