# The program that runs in the guest: it makes the calls that stand in its memory, and writes the answers there.
#
# Mailbox at 0x10000: byte 0 the bell, byte 64 the bell last answered; u64 at 8 the number of entries, at 16 where
# they stand, at 24 the device tree's address at the last start, at 32 how many entries are left, the one under way
# included.
# An entry is r3 to r10 of a hypercall, before and after. One whose r3 is -1 waits: r4 and r5 are the size and the
# address of a load that is repeated until bit 0 of what it loads is clear, or it is refused. One whose r3 is -2 is an
# H_PUT_TCE with the TCE that stands at the address in r6, where an H_GET_TCE before it left one. One whose r3 is -3 is
# an RTAS call with its cells at the address in r4, repeated as long as the cell at the address in r5 is 1 to 5.
    .machine power8
    .text
    .globl _start
_start:
    .org 0x100                  # Reset: the machine starts here, with r3 the device tree.
    li      14, 1
    rldicr  14, 14, 63, 0
    mfmsr   16
    or      16, 16, 14          # MSR[SF]: 64 bits.
    mtmsrd  16
    lis     15, 1
    std     3, 24(15)
poll:
    lbz     16, 0(15)
    lbz     17, 64(15)
    cmpw    16, 17
    beq     poll
    isync
    ld      18, 8(15)
    ld      19, 16(15)
    cmpdi   18, 0
    beq     answered
next:
    std     18, 32(15)
    ld      3, 0(19)
    ld      4, 8(19)
    ld      5, 16(19)
    ld      6, 24(19)
    ld      7, 32(19)
    ld      8, 40(19)
    ld      9, 48(19)
    ld      10, 56(19)
    cmpdi   3, -1
    beq     wait
    cmpdi   3, -2
    beq     copy
    cmpdi   3, -3
    beq     repeat
call:
    sc      1
made:
    std     3, 0(19)
    std     4, 8(19)
    std     5, 16(19)
    std     6, 24(19)
    std     7, 32(19)
    std     8, 40(19)
    std     9, 48(19)
    std     10, 56(19)
    addi    19, 19, 64
    addi    18, 18, -1
    cmpdi   18, 0
    bne     next
answered:
    sync
    stb     16, 64(15)
    b       poll

copy:
    ld      6, 0(6)
    li      3, 0x20             # H_PUT_TCE
    b       call

repeat:
    mr      20, 4
    mr      21, 5
more:
    li      3, 0
    ori     3, 3, 0xf000        # KVMPPC_H_RTAS
    mr      4, 20
    sc      1
    cmpdi   3, 0
    bne     made
    lwz     22, 0(21)
    addi    22, 22, -1
    cmplwi  22, 5
    blt     more
    b       made

wait:                           # A halted vCPU lets virtual time jump to the next timer.
    mr      20, 4
    mr      21, 5
again:
    lis     22, 0x400           # 131 ms at 512 MHz: longer than a device's timer.
    mtdec   22
    li      3, 0xe0             # H_CEDE, which sets MSR[EE]
    sc      1
    li      22, 0
    mtmsrd  22, 1               # MSR[EE] off
    li      3, 0x3c             # H_LOGICAL_CI_LOAD
    mr      4, 20
    mr      5, 21
    sc      1
    cmpdi   3, 0
    bne     made
    andi.   22, 4, 1
    bne     again
    b       made

    .org 0x900                  # Decrementer: ends the halt, and stays quiet for seconds.
    lis     23, 0x7fff
    mtdec   23
    rfid
