/**
 * The text of /etc/nsswitch.conf (nsswitch.conf(5)): hosts come from the file
 * and from DNS, and from nowhere else, since a daemon of the host
 * (systemd-resolved, mDNS, winbind) would answer for the host's network. The
 * host's other databases stay.
 */
export function nsswitchConf(host: string): string {
  const line = 'hosts:          files dns';
  const lines = host.split('\n').filter((each) => !/^\s*hosts\s*:/i.test(each));
  while (lines.at(-1) === '') lines.pop();
  return [...lines, line, ''].join('\n');
}
