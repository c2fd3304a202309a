/** A dial that has failed, as the near side is to hear of it. */

import { RemoteStreamError } from '../../relay/stream.ts';
import { codeOf } from '../../system-error.ts';
import { reasonOfCode } from '../unreachable.ts';

export function dialError(error: unknown): RemoteStreamError {
  if (error instanceof RemoteStreamError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  switch (code) {
    case 'ECONNREFUSED':
    case 'ECONNRESET': // taken and dropped again before we knew
      return new RemoteStreamError('refused', message, { cause: error });
    case 'ETIMEDOUT':
      return new RemoteStreamError('silent', message, { cause: error });
    default: {
      const unreachable = reasonOfCode(code) ?? 'host';
      return new RemoteStreamError('unreachable', message, { cause: error, unreachable });
    }
  }
}
