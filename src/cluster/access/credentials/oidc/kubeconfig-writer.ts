/**
 * Writes renewed tokens into the user's kubeconfig.
 *
 * The rest of the file stays as it is, comments too. As kubectl does, a file
 * `<kubeconfig>.lock` is held meanwhile; the new text takes the old one's place
 * in one step, where a symbolic link leads, with the mode that it had.
 */
import { open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';

/** @throws Error where it cannot be written, or another is writing */
export async function writeAuthProvider(
  file: string,
  userName: string,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const { withAuthProviderConfig } = await import('../../yaml.ts');
  const path = await realpath(file);
  const lock = `${file}.lock`;
  await (await open(lock, 'wx', 0o600)).close();
  const scratch = `${path}.${process.pid}.new`;
  try {
    const { mode } = await stat(path);
    const edited = withAuthProviderConfig(await readFile(path, 'utf8'), userName, values);
    await writeFile(scratch, edited, { mode: mode & 0o777, flag: 'wx' });
    await rename(scratch, path);
  } finally {
    await Promise.all([rm(scratch, { force: true }), rm(lock, { force: true })]);
  }
}
