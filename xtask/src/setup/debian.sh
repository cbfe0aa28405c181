# Installs a Debian into the folder $INTO. debian.rs runs this as root, in a mount namespace of its own, so that nothing
# stays mounted, and sets the names in capitals.

# In memory, since dpkg waits for the disk after every file.
mount -t tmpfs -o mode=755 tmpfs "$WORK"
root=$WORK/root

# What only people read is left out, of these packages and not of any that somebody installs later.
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
for folder in doc info lintian locale man; do
    echo "path-exclude=/usr/share/$folder/*"
done > "$root/etc/dpkg/dpkg.cfg.d/made"

sh "$DEBOOTSTRAP" --variant=minbase --include="$PACKAGES" --cache-dir="$CACHE" --keyring="$KEYRING" \
    "$SUITE" "$root" "$MIRROR"
cat > "$root/etc/apt/sources.list" << END
deb $MIRROR $SUITE main
deb $SECURITY $SUITE-security main
END

# Before the kernel's package, whose initial RAM disk is made from these: what is on the way to the root.
echo "LABEL=$LABEL / ext4 errors=remount-ro 0 1" > "$root/etc/fstab"
printf 'nvme\next4\n' >> "$root/etc/initramfs-tools/modules"
printf 'MODULES=list\nFSTYPE=ext4\n' > "$root/etc/initramfs-tools/conf.d/disk"

enter() {
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
cp "$KERNEL" "$root/kernel.deb"
enter dpkg --install /kernel.deb

# They would look for news of packages at a time of their own choosing, and so in the middle of what is measured.
enter systemctl disable apt-daily.timer apt-daily-upgrade.timer
# For dumps after a panic: its initial RAM disk, which its own script makes only where it takes the system for a running
# one. It needs memory that no partition reserves unless its owner says so, and so who wants dumps starts it.
printf '#!/bin/sh\nexit 1\n' > "$root/run/ischroot"
chmod 755 "$root/run/ischroot"
enter sh -euc 'PATH=/run:$PATH; release=$(linux-version list)
    /etc/kernel/postinst.d/kdump-tools "$release"
    cp /etc/kdump/sysctl.conf "/var/lib/kdump/latest_sysctls-$release"'
enter systemctl disable kdump-tools.service
# What systemd otherwise does at the first start.
enter /usr/lib/systemd/systemd-update-done

# What is of the host, of the making, or to be of each machine alone.
rm -rf "$root/kernel.deb" "$root/etc/dpkg/dpkg.cfg.d/made" "$root/etc/hostname" "$root/etc/resolv.conf"
rm -rf "$root"/etc/ssh/ssh_host_* "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/info/* "$root"/usr/share/locale/* "$root"/usr/share/man/*
enter apt-get clean
: > "$root/etc/machine-id"
echo debian > "$root/etc/hostname"

cp -ax "$root/." "$INTO"
