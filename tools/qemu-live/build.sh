#!/bin/sh
# Assembles stub.S (Debian package binutils-powerpc64-linux-gnu). stub.lst is the listing; the same bytes stand in
# packages/live/src/machine/stub.ts, and a test of that package compares the two.
set -eu
cd "$(dirname "$0")"
object=$(mktemp)
trap 'rm -f "$object"' EXIT
powerpc64-linux-gnu-as -mbig --listing-rhs-width=130 -aln=stub.lst -o "$object" stub.S
