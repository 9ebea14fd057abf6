#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Kernels v4 where the processor has no AVX-512: a small Linux boots in Bochs as a Skylake-X and runs
# the kernels' unit tests, the graphs and random graphs against the oracle, each at v4. About ten
# seconds; not a part of run.sh. usage: avx512.sh BUILD [KERNEL]   (a build with tests; a vmlinuz)
# Needs Debian's bochs, vgabios, isolinux, syslinux-common, xorriso, cpio, busybox-static and a kernel.
set -eu
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
kernel=${2:-$(ls /boot/vmlinuz-* 2>/dev/null | tail -n 1)}
for tool in bochs xorriso cpio busybox; do
    command -v $tool >/dev/null 2>&1 || { echo "skipped: no $tool"; exit 0; }
done
[ -r "$kernel" ] || { echo "skipped: no Linux kernel"; exit 0; }
work=$(mktemp -d)
bochs=
trap 'kill ${bochs:-} 2>/dev/null || true; rm -rf "$work"' EXIT INT TERM
cd "$work"
mkdir -p root/bin root/lib64 root/tmp root/proc root/dev root/graphs iso/isolinux
programs="$build/tests/oracle_compare $build/tests/kernels_special_test $build/tests/kernels_whole_test
    $build/tests/math_measure $build/bin/mmsbc $build/bin/mmsb-run"
cp $programs "$(command -v busybox)" root/bin/
cp "$top"/graphs/*.mmsbg root/graphs/
for library in $(for p in $programs; do ldd "$p" | grep -o '/[^ ]*'; done | sort -u); do
    mkdir -p "root$(dirname "$library")"
    cp -L "$library" "root$library"
done
cat >root/init <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
exec >/dev/ttyS0 2>&1
cd /tmp
failed=0
check() { # NAME COMMAND...
    name=$1
    shift
    "$@" >log 2>&1 && echo "pass $name" || { failed=1; echo "FAIL $name"; tail -n 20 log; }
}
echo "level: $(math_measure --count 8 2>&1 | head -n 1)"
# Bochs 2.7 fuses wrongly where product and summand nearly cancel (vfmadd of -23287910534269.0,
# 0x1.1416b62e4b0edp-2 and 0x1.6d79f74f1448cp+42 gives -0, not -0x1.5bb2ffdc8p-21): one test is left out.
check "unit tests of kernels" kernels_special_test --jobs 1 \
    --filter 'special/!(a_remainder_by_the_quotient_is_that_bit_by_bit)'
check "unit tests of whole rows" kernels_whole_test --jobs 1
one_root() { # GRAPH
    mmsbc -D n=2000 "$1" -o x.mmsbx || mmsbc "$1" -o x.mmsbx || return 1
    for level in portable v4; do MMSB_KERNELS=$level mmsb-run x.mmsbx --ticks 2 --root >out.$level 2>&1; done
    grep -q root out.v4 && cmp out.portable out.v4
}
for g in /graphs/*.mmsbg; do check "$g: one root" one_root $g; done
check "100 random graphs equal the oracle" oracle_compare --seed 1 --count 100 --jobs 1 --keep /tmp
cat log
echo "avx512: ended, failed $failed"
sleep 5
poweroff -f
INIT
ln -s busybox root/bin/sh
chmod +x root/init
(cd root && find . | cpio -o -H newc 2>/dev/null | gzip -1 >../iso/initrd.gz)
cp "$kernel" iso/vmlinuz
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 iso/isolinux/
# Bochs says another size of the compacted XSAVE area than Linux reckons, which then does without AVX.
cat >iso/isolinux/isolinux.cfg <<'BOOT'
DEFAULT mmsb
LABEL mmsb
 KERNEL /vmlinuz
 INITRD /initrd.gz
 APPEND clearcpuid=321,323 console=ttyS0 mitigations=off tsc=unstable clocksource=jiffies lpj=1000000 loglevel=1
BOOT
xorriso -as mkisofs -o boot.iso -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 \
    -boot-info-table iso >log 2>&1 || { cat log; exit 1; }
cat >bochsrc <<'BOCHS'
plugin_ctrl: speaker=0
display_library: rfb, options="timeout=0"
memory: guest=1024, host=1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios-stdvga.bin
cpu: model=corei7_skylake_x, count=1, ips=200000000, reset_on_triple_fault=0, ignore_bad_msrs=1
ata0-master: type=cdrom, path=boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=serial.txt
log: bochs.log
panic: action=report
error: action=ignore
clock: sync=none, time0=local
BOCHS
yes c | bochs -q -f bochsrc >bochs.out 2>&1 &
bochs=$!
seconds=0
until grep -q "^avx512: ended" serial.txt 2>/dev/null; do
    [ $seconds -lt 2400 ] && kill -0 $bochs 2>/dev/null || { tail -n 5 serial.txt bochs.out; exit 1; }
    sleep 1
    seconds=$((seconds + 1))
done
sed -n '/^level:/,$p' serial.txt | tr -d '\r'
grep -q "^level: kernels v4" serial.txt || { echo "the processor in Bochs gives no v4"; exit 1; }
grep -q "^avx512: ended, failed 0" serial.txt
