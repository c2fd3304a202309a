/** Servers beside this process. Those that do not end by themselves end with its namespace. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** @returns once the program has said the first thing, which is that it listens: how to wait for its end, or to end it */
export async function startServer(program, ...args) {
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  const early = exited.then(([code]) => Promise.reject(new Error(`${program} ended with ${code}`)));
  await Promise.race([once(server.stdout, 'data'), early]);
  early.catch(() => {}); // from now on it may end
  server.stdout.resume().unref();
  server.unref();
  return {
    async ended(waitMs) {
      server.ref();
      const timer = setTimeout(() => server.kill('SIGKILL'), waitMs);
      await exited;
      clearTimeout(timer);
    },
  };
}
