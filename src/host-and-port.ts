import { isIPv6 } from 'node:net';

/** RFC 3986: `127.0.0.1:80`, `[::1]:80`, `db.example:80`. */
export function hostAndPort(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
