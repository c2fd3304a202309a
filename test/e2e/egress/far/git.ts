/** A repository for everybody to read and write, by git's CGI program behind HTTP (8081). */

import { execFileSync, spawn } from 'node:child_process';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { listenEverywhere } from './http.ts';

const HEADER_END = '\r\n\r\n';

export async function serveGit(folder: string): Promise<void> {
  const root = join(folder, 'git');
  mkdirSync(root);
  makeRepository(root);
  await listenEverywhere(
    http.createServer((request, response) => runCgi(root, request, response)),
    8081,
  );
}

function makeRepository(root: string): void {
  const git = (...args: string[]): void =>
    void execFileSync('git', args, { cwd: root, env: { ...process.env, ...IDENTITY } });
  git('init', '--quiet', '--initial-branch=main', 'work');
  git('-C', 'work', 'commit', '--quiet', '--allow-empty', '--message=first');
  git('clone', '--quiet', '--bare', 'work', 'far.git');
  git('-C', 'far.git', 'config', 'http.receivepack', 'true');
}

const IDENTITY = {
  GIT_AUTHOR_NAME: 'far',
  GIT_AUTHOR_EMAIL: 'far@example.com',
  GIT_COMMITTER_NAME: 'far',
  GIT_COMMITTER_EMAIL: 'far@example.com',
};

/** RFC 3875, as much of it as git http-backend(1) asks for. */
function runCgi(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '', 'http://far');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers['content-type'],
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.once('close', () => {
    const output = Buffer.concat(chunks);
    const end = output.indexOf(HEADER_END);
    const fields = output.subarray(0, end).toString().split('\r\n');
    for (const field of fields) {
      const [name = '', value = ''] = field.split(': ', 2);
      if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.end(output.subarray(end + HEADER_END.length));
  });
}
