/** An npm registry (4873) with one package. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { listenEverywhere } from './http.ts';

const NAME = 'far-package';
const VERSION = '1.2.3';

export async function serveRegistry(folder: string): Promise<void> {
  const tarball = makePackage(folder);
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const server = http.createServer((request, response) => {
    if (request.url?.endsWith('.tgz')) {
      response.end(tarball);
      return;
    }
    if (request.url !== `/${NAME}`) {
      response.writeHead(404).end('{}');
      return;
    }
    const dist = { tarball: `http://${request.headers.host}/${NAME}/-/${NAME}-${VERSION}.tgz`, integrity };
    const versions = { [VERSION]: { name: NAME, version: VERSION, dist } };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name: NAME, 'dist-tags': { latest: VERSION }, versions }));
  });
  await listenEverywhere(server, 4873);
}

function makePackage(folder: string): Buffer {
  mkdirSync(join(folder, 'package'));
  writeFileSync(join(folder, 'package/package.json'), JSON.stringify({ name: NAME, version: VERSION }));
  writeFileSync(join(folder, 'package/index.js'), 'module.exports = "from the registry";\n');
  execFileSync('tar', ['czf', 'package.tgz', 'package'], { cwd: folder });
  return readFileSync(join(folder, 'package.tgz'));
}
