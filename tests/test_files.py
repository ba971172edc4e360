"""Files are written whole or not at all."""

import errno
import os

import numpy as np
import pytest

from dmssn.files import END_BYTES, fingerprint, locked, remove_partial, replacing, sha256


def test_the_new_file_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "made" / "a.txt"
    for text in ("old", "new"):
        with replacing(path) as partial:
            assert partial.suffix == ".txt"
            assert partial.parent == path.parent
            partial.write_text(text)
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("ne")
        assert path.read_text() == "old"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with replacing(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass


@pytest.mark.parametrize("written", [False, True])
def test_what_cannot_be_written_is_named_as_the_user_names_it(tmp_path, written):
    path = tmp_path / "a.txt"
    if not written:
        path.mkdir()

    def write():
        with replacing(path) as partial:
            partial.write_text("new")
            if written:
                raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="cannot be written") as caught:
        write()
    reason = "No space left on device" if written else "Is a directory"
    assert str(caught.value) == f"{path}: cannot be written ({reason}); choose another place"
    assert list(tmp_path.iterdir()) == ([] if written else [path])


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    foreign = [".lock", ".mine.partial.part", "c.partial.txt", "d.txt"]
    for name in (".0123456789abcdef.partial.txt", ".fedcba9876543210.partial", *foreign):
        (tmp_path / name).write_text("")
    remove_partial(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == foreign

    def write():
        with replacing(tmp_path / "e.txt") as partial:
            partial.write_text("half")
            remove_partial(tmp_path)

    with pytest.raises(FileNotFoundError, match=r"e\.txt"):  # so it was of that name
        write()


def test_a_lock_keeps_others_out_until_it_is_freed(tmp_path):
    with locked(tmp_path, shared=True), locked(tmp_path, shared=True):
        with pytest.raises(BlockingIOError, match="another run is at work"), locked(tmp_path):
            pass
    with locked(tmp_path):
        with pytest.raises(BlockingIOError), locked(tmp_path, shared=True):
            pass
        with pytest.raises(BlockingIOError), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass


def test_a_name_as_long_as_a_name_can_be_is_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".txt")
    with replacing(path) as partial:
        partial.write_text("all")
    assert path.read_text() == "all"


def test_a_file_system_without_locks_is_said_and_does_not_stop_the_work(
    tmp_path, monkeypatch, capsys
):
    def without(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", without)
    with locked(tmp_path):
        pass
    assert capsys.readouterr().err.count("no locks here") == 1


def test_a_fingerprint_sees_what_changes_and_not_where_a_file_lies(tmp_path):
    data = np.random.default_rng(0).integers(0, 256, 3 * END_BYTES, dtype=np.uint8)
    first, folder = tmp_path / "a.raw", tmp_path / "there"
    folder.mkdir()
    first.write_bytes(data.tobytes())
    wanted = fingerprint(first)
    (folder / "a.raw").write_bytes(data.tobytes())
    os.utime(folder / "a.raw", (1, 1))
    assert fingerprint(folder / "a.raw") == wanted
    for place in (0, END_BYTES - 1, -1, -END_BYTES):
        other = data.copy()
        other[place] ^= 1
        (folder / "a.raw").write_bytes(other.tobytes())
        assert fingerprint(folder / "a.raw") != wanted
    (folder / "a.raw").write_bytes(data[:-1].tobytes())
    assert fingerprint(folder / "a.raw") != wanted


def test_a_header_counts_with_its_raw_file_and_a_folder_with_all_in_it(tmp_path):
    for name, text in (("a.hdr", "bands = 3"), ("a.raw", "xyz"), ("a.b.raw", "other")):
        (tmp_path / name).write_text(text)
    header, folder = fingerprint(tmp_path / "a.hdr"), fingerprint(tmp_path)
    (tmp_path / "a.b.raw").write_text("changed")
    assert fingerprint(tmp_path / "a.hdr") == header
    assert fingerprint(tmp_path) != folder
    (tmp_path / "a.raw").write_text("xyw")
    assert fingerprint(tmp_path / "a.hdr") != header


def test_a_checksum_is_that_of_sha256sum(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")
