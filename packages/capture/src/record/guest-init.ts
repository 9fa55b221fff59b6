/**
 * What a guest runs first. It talks with the recorder over its console: `@BOOT`, `@MARK`, `@ASK`, `@FAIL` and `@END`
 * begin lines, and what is asked is answered with one line. A scenario uses its functions:
 *
 * - `load NAME…` loads drivers, `await PATH` waits until a path is there,
 * - `transfer DISK` reads and writes past the page cache,
 * - `mark TEXT…` puts a mark into the recording,
 * - `ask NAME` has the recorder do what the scenario says under that name, and waits until it is done,
 * - `fail TEXT…` gives up.
 */
export const GUEST_INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
exec </dev/console >/dev/console 2>&1
stty -echo
dmesg -n 1

mark() { echo "@MARK $*"; }
ask() { echo "@ASK $1"; read -r answer; }
end() {
  dmesg
  echo
  echo "@END"
  sync
  poweroff -f
  sleep 600
}
fail() {
  echo "@FAIL $*"
  end
}
load() {
  for name in "$@"; do modprobe "$name" || fail "there is no driver $name"; done
}
await() {
  tries=0
  until [ -e "$1" ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "$1 does not come"
    sleep 0.2
  done
}
copy() {
  dd "$@" 2>/tmp/dd || fail "dd $*: $(head -n 1 /tmp/dd)"
}
transfer() {
  copy "if=$1" of=/dev/null bs=64k count=32 iflag=direct
  copy if=/dev/zero "of=$1" bs=4k count=32 seek=1024 oflag=direct
  mark transfer "$1"
}

echo
echo "@BOOT $(uname -r)"
ask boot
boot=$answer
. /scenario
end
`;
