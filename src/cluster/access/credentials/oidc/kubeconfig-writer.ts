/**
 * Writes renewed tokens into the user's kubeconfig.
 *
 * The rest of the file stays as it is, comments too. As kubectl does, a file
 * `<kubeconfig>.lock` is held meanwhile; the new text takes the old one's place
 * in one step, where a symbolic link leads, with the mode that it had.
 */
import { promises as files } from 'node:fs';

/** @throws Error where it cannot be written, or another is writing */
export async function writeAuthProvider(
  file: string,
  userName: string,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const { withAuthProviderConfig } = await import('../../yaml-edit.ts');
  const path = await files.realpath(file);
  const lock = `${file}.lock`;
  await (await files.open(lock, 'wx', 0o600)).close();
  const scratch = `${path}.${process.pid}.new`;
  try {
    const { mode } = await files.stat(path);
    const edited = withAuthProviderConfig(await files.readFile(path, 'utf8'), userName, values);
    await files.writeFile(scratch, edited, { mode: mode & 0o777, flag: 'wx' });
    await files.rename(scratch, path);
  } finally {
    await Promise.all([files.rm(scratch, { force: true }), files.rm(lock, { force: true })]);
  }
}
