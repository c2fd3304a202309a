/** The headers by which one account acts as another (Kubernetes, "User impersonation"). */
import type { UserEntry } from '../document.ts';

export function impersonationHeaders(user: UserEntry): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (user.as !== '') headers['Impersonate-User'] = user.as;
  if (user.asUid !== '') headers['Impersonate-Uid'] = user.asUid;
  if (user.asGroups.length > 0) headers['Impersonate-Group'] = [...user.asGroups];
  for (const [key, values] of Object.entries(user.asUserExtra)) {
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
