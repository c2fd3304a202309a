/** `SRC[:DST]`, as --bind takes it; without DST, the file is shown where it is. */

import { absolutePath, type Mount } from '../../../sandbox/index.ts';
import { UsageError } from '../../errors.ts';

/** Paths may have colons; the one before an absolute path separates. Throws `MOUNT_INVALID`. */
export function parseMount(text: string, kind: 'bind' | 'ro-bind'): Mount {
  const colon = text.lastIndexOf(':/');
  const source = colon < 0 ? text : text.slice(0, colon);
  if (source === '' || source.endsWith(':')) {
    throw new UsageError(
      'MOUNT_INVALID',
      `--${kind}: "${text}" does not say what is to be seen where`,
      `write it as --${kind} /path/here:/path/there; the second path is absolute`,
    );
  }
  return {
    kind,
    source: absolutePath(source),
    target: colon < 0 ? absolutePath(source) : absolutePath(text.slice(colon + 1)),
  };
}
