/** The headers by which one account acts as another (Kubernetes, "User impersonation"). */
import type { UserEntry } from '../entries.ts';

export function impersonationHeaders(user: UserEntry): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (user.impersonateUser) headers['Impersonate-User'] = user.impersonateUser;
  if (user.impersonateUid) headers['Impersonate-Uid'] = user.impersonateUid;
  if (user.impersonateGroups.length > 0) headers['Impersonate-Group'] = [...user.impersonateGroups];
  for (const [key, values] of Object.entries(user.impersonateExtra)) {
    if (values.length > 0) headers[`Impersonate-Extra-${headerKey(key)}`] = [...values];
  }
  return headers;
}

/** What no header's name may have (RFC 9110 section 5.6.2), and `%`, is percent-encoded; case does not matter. */
function headerKey(key: string): string {
  return [...Buffer.from(key)]
    .map((byte) => {
      const character = String.fromCodePoint(byte);
      if (/[A-Za-z0-9!#$&'*+.^_`|~-]/.test(character)) return character;
      return `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}
