#!/bin/sh
# The first process of a machine of the matrix: makes what a distribution's own
# would have made, runs the cell, and turns the machine off.

# A kernel's first root can't be pivoted away (pivot_root(2)), which is what
# bubblewrap does: this one becomes a mount upon it.
if [ "$1" != moved ]; then
  mount --bind / /mnt
  cd /mnt
  mount --move . /
  exec chroot . /matrix/init.sh moved
fi

export PATH=/matrix/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /run
mount -t devpts -o ptmxmode=666,gid=5 pts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t securityfs security /sys/kernel/security
chmod 1777 /tmp
chmod 666 /dev/ptmx
ln -s /proc/self/fd /dev/fd
ip link set lo up
hostname machine

# Built in, or one of the two that this root was given.
for driver in /lib/modules/"$(uname -r)"/*.ko*; do
  name=${driver##*/}
  modprobe "${name%%.ko*}" || insmod "$driver"
done
# As udev does.
[ ! -e /dev/net/tun ] || chmod 666 /dev/net/tun

export MATRIX=/matrix TESTER=tester
stty -F /dev/ttyS1 raw -echo
{
  . /matrix/prepare.sh
  . /matrix/cell.sh
} </dev/null >/dev/ttyS1 2>&1
sync
echo o >/proc/sysrq-trigger
exec sleep 60
