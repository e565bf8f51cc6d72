#!/usr/bin/env python3
"""Write an ACPI table whose AML attacks the memory of the guest that loads it: what a hostile host can do, because
ACPI tables are not measured. tests/image/aml.py FILE ADDRESS [PORT]

When the kernel loads the table it writes S to the I/O port, writes A to the byte at the physical address, reads that
byte back and writes what it got to the port, then E. So the port gets "SAE" from a kernel that lets AML touch
memory, and "SE" from one that refuses. ACPI 6.4: sections 5.2.6 (header) and 20.2 (AML)."""
import struct
import sys

BYTE, QWORD, STORE = b"\x0a", b"\x0e", b"\x70"
SYSTEM_MEMORY, SYSTEM_IO = 0, 1


def region(name, space, offset):
    return b"\x5b\x80" + name + bytes([space]) + QWORD + struct.pack("<Q", offset) + BYTE + b"\x01"


def field_of_one_byte(of, name):
    content = of + b"\x01" + name + b"\x08"  # access by bytes; eight bits
    return b"\x5b\x81" + bytes([len(content) + 1]) + content


def store(source, target):
    return STORE + source + target


def table(address, port):
    aml = b"".join([
        region(b"PRT_", SYSTEM_IO, port), field_of_one_byte(b"PRT_", b"PRTB"),
        region(b"MEM_", SYSTEM_MEMORY, address), field_of_one_byte(b"MEM_", b"MEMB"),
        store(BYTE + b"S", b"PRTB"), store(BYTE + b"A", b"MEMB"), store(b"MEMB", b"PRTB"), store(BYTE + b"E", b"PRTB"),
    ])
    header = b"SSDT" + struct.pack("<IBB6s8sI4sI", 36 + len(aml), 2, 0, b"HOST  ", b"HOSTILE ", 1, b"TEST", 1)
    whole = bytearray(header + aml)
    whole[9] = -sum(whole) & 0xFF
    return bytes(whole)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(sys.argv[1], "wb") as out:
        out.write(table(int(sys.argv[2], 0), int(sys.argv[3], 0) if len(sys.argv) == 4 else 0x4E0))
