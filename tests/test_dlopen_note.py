# SPDX-License-Identifier: Apache-2.0
"""An ELF note lists the libraries that the service loads at run time, for packaging tools."""
import json
import struct
import subprocess

from support.service import BINARY as INGEST_API


def test_the_note_names_the_libraries_loaded_at_run_time(tmp_path):
    section = tmp_path / "note"
    subprocess.run(["objcopy", "--dump-section", f".note.dlopen={section}", INGEST_API, tmp_path / "copy"], check=True)
    data = section.read_bytes()
    name_size, text_size, kind = struct.unpack_from("<III", data)
    assert data[12:12 + name_size] == b"FDO\0" and kind == 0x407C0C0A
    note = json.loads(data[16:16 + text_size].rstrip(b"\0"))
    assert note == [{"soname": ["libcurl.so.4"], "feature": "send", "description": "SMTP and error reports", "priority": "recommended"}]
    assert b"libcurl.so.4" in INGEST_API.read_bytes()
    needed = subprocess.run(["readelf", "--dynamic", INGEST_API], capture_output=True, text=True, check=True).stdout
    assert "libcurl" not in needed
