/** Requests with the credentials of an access, and no more of the program. */
import { onTestFinished } from 'vitest';
import { type AccessOptions, loadAccess } from '../../../../src/cluster/access/access.ts';
import { ApiClient } from '../../../../src/cluster/api/client.ts';

/** Without the proxies that the machine may have. */
export const BARE_ENV: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: '/nonexistent' };

export async function connect(options: AccessOptions, env: NodeJS.ProcessEnv = BARE_ENV): Promise<ApiClient> {
  const client = new ApiClient(await loadAccess(options, env));
  onTestFinished(() => client.close());
  return client;
}

/** One request; what goes wrong is the error that it fails with. */
export async function ask(options: AccessOptions, env: NodeJS.ProcessEnv = BARE_ENV): Promise<unknown> {
  return (await connect(options, env)).get('/version');
}
