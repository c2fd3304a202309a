/**
 * How the command line names files of the sandbox.
 *
 *     --bind, --ro-bind   SRC[:DST]; without DST, the file is shown where it is
 *     --tmpfs, --hide     PATH
 */

import { absolutePath, type Mount } from '../../../sandbox/index.ts';
import { UsageError } from '../../errors.ts';

/** An empty one is a variable that was not set, and never the working directory. Throws `MOUNT_INVALID`. */
export function parsePlace(text: string, kind: 'tmpfs' | 'hide'): Mount {
  if (text !== '') return { kind, target: absolutePath(text) };
  throw new UsageError('MOUNT_INVALID', `--${kind}: "" is no path`, `write it as --${kind} /path/there`);
}

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
