#!/bin/sh
# Runs in a new root: fetches the kernel that the given package leads to, and
# keeps its image, as /kernel, and the two drivers that a sandbox may want.
set -eu
package=$1

mkdir /unpacked
cd /unpacked
# The meta package names an image; newer releases have it in parts.
wanted=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
  --no-replaces --no-enhances "$package" | grep -E '^linux-(image|binary|modules)-.*[0-9]')
# shellcheck disable=SC2086
apt-get download $wanted
for archive in *.deb; do
  dpkg-deb --extract "$archive" .
done
cp "$(find . -name 'vmlinu[xz]*' -type f | head -n 1)" /kernel

tree=$(find . -path '*lib/modules/*' -name kernel -type d | head -n 1)
version=$(basename "$(dirname "$tree")")
mkdir -p "/lib/modules/$version"
cp "${tree%/*}"/modules.* "/lib/modules/$version" 2>/dev/null || true
find "$tree" \( -name 'tun.ko*' -o -name 'veth.ko*' \) -exec cp {} "/lib/modules/$version" \;
depmod "$version"
cd /
rm -r /unpacked
