"""Files are written whole or not at all."""

import pytest

from dmssn.files import replacing


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
