/** The far host's own servers in one process. What they are asked is told on stdout, a JSON line each. */

import { serveEchoes } from '../../../support/echo-services.ts';
import { serveDns } from './dns.ts';
import { serveGit } from './git.ts';
import { serveHttp, type Pair } from './http.ts';
import { serveProxies } from './proxies.ts';
import { serveRegistry } from './registry.ts';

export interface FarOptions {
  /** A folder to work in. */
  readonly folder: string;
  readonly tls: Pair;
}

const tell = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

const { folder, tls }: FarOptions = JSON.parse(process.argv[2]);
await Promise.all([
  serveEchoes(),
  serveDns(tell),
  serveHttp(tls),
  serveRegistry(folder),
  serveGit(folder),
  serveProxies(tls, tell),
]);
tell({ ready: true });
